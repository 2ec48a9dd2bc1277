// SPDX-License-Identifier: Apache-2.0

package journey

import (
	"fmt"
	"html"
	"strings"
)

// sizes are the numbers on the picture, in bytes.
type sizes struct {
	jsonIn, request, requestFrames, responseFrames, response, jsonOut int
}

// The picture is a grid: five rows, one for each layer that a call goes down through and up again, and two services
// with a lane for each direction. Everything is placed by row and lane, so that moving a row moves what stands in it.
const (
	pictureWidth  = 1000
	pictureHeight = 546
	headHeight    = 84 // above the first row
	rowHeight     = 84
	labelWidth    = 118 // the layers' names, at the left
	serviceWidth  = 404
	serviceGap    = 54 // the network, between the services
	badge         = 13 // radius of a step's number
)

// lanes are the offsets of the lanes' badges from each service's left edge: the request runs on the outer lanes and the
// response on the inner ones, so that no line crosses another.
var (
	requestLane  = [2]int{34, 222}
	responseLane = [2]int{206, 34}
)

var layers = [5]struct{ name, packages string }{
	{"REST", "rest"},
	{"your code", "handler, stub"},
	{"encoding", "codec"},
	{"gRPC", "client, server"},
	{"HTTP/2", "internal/http2"},
}

// place is where a step stands: the service (0 orders, 1 payments) and the row. Up to step 8 it is the request's.
type place struct {
	number       int
	service, row int
	title, below string
}

func places(size sizes) []place {
	bytes := func(count int) string { return fmt.Sprintf("%d bytes", count) }
	return []place{
		{1, 0, 0, "REST call arrives", "JSON, " + bytes(size.jsonIn)},
		{2, 0, 1, "stub is called", "payments.Charge(…)"},
		{3, 0, 2, "encoded", "binary, " + bytes(size.request)},
		{4, 0, 3, "to the transport", "headers, message"},
		{5, 0, 4, "frames sent", bytes(size.requestFrames)},
		{6, 1, 4, "frames received", bytes(size.requestFrames)},
		{7, 1, 2, "decoded", "binary, " + bytes(size.request)},
		{8, 1, 1, "handler invoked", "service.Charge(…)"},
		{9, 1, 1, "handler returns", "a message or an error"},
		{10, 1, 2, "encoded", "binary, " + bytes(size.response)},
		{11, 1, 3, "to the transport", "message, trailers"},
		{12, 0, 4, "frames received", bytes(size.responseFrames)},
		{13, 0, 2, "decoded, stub returns", "binary, " + bytes(size.response)},
		{14, 0, 0, "REST answer", "JSON, " + bytes(size.jsonOut)},
	}
}

func (p place) back() bool { return p.number > 8 }

func (p place) x() int {
	if p.back() {
		return serviceLeft(p.service) + responseLane[p.service]
	}
	return serviceLeft(p.service) + requestLane[p.service]
}

func (p place) y() int { return rowTop(p.row) + rowHeight/2 }

func serviceLeft(service int) int { return labelWidth + service*(serviceWidth+serviceGap) }
func rowTop(row int) int          { return headHeight + row*rowHeight }

// draw returns the picture of the two services and the fourteen steps. It carries its own background, light or dark as
// the reader's system is, so that it can be read on any page.
func draw(size sizes) []byte {
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-labelledby="title">`+"\n",
		pictureWidth, pictureHeight)
	svg.WriteString("<title id=\"title\">The fourteen steps of a REST order that becomes a gRPC payment</title>\n")
	svg.WriteString(pictureStyle)
	fmt.Fprintf(&svg, `<rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="14"/>`+"\n", pictureWidth-1, pictureHeight-1)
	drawLayers(&svg)
	drawServices(&svg)
	steps := places(size)
	drawPaths(&svg, steps)
	for _, step := range steps {
		drawStep(&svg, step)
	}
	svg.WriteString("</svg>\n")
	return []byte(svg.String())
}

const pictureStyle = `<style>
  :root { color-scheme: light dark }
  text { font-family: ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #1b2430 }
  .page { fill: #ffffff; stroke: #d5dce5 }
  .band { fill: #f3f6fa }
  .service { fill: none; stroke: #8494a8; stroke-width: 1.5 }
  .name { font-size: 18px; font-weight: 700 }
  .role, .below, .packages { font-size: 12.5px; fill: #55647a }
  .layer, .title { font-size: 14px; font-weight: 600 }
  .packages { font-size: 11.5px }
  .go { fill: none; stroke: #1668c7; stroke-width: 2.5 }
  .back { fill: none; stroke: #a34a00; stroke-width: 2.5 }
  .tip-go { fill: #1668c7 }
  .tip-back { fill: #a34a00 }
  .number { font-size: 13px; font-weight: 700; fill: #ffffff; text-anchor: middle }
  .network { font-size: 12.5px; fill: #55647a; text-anchor: middle }
  @media (prefers-color-scheme: dark) {
    text { fill: #e8edf4 }
    .page { fill: #12171f; stroke: #333d4b }
    .band { fill: #1a212c }
    .service { stroke: #64748b }
    .role, .below, .packages, .network { fill: #a3b1c4 }
    .go { stroke: #5aa5f5 } .tip-go { fill: #5aa5f5 }
    .back { stroke: #f0a050 } .tip-back { fill: #f0a050 }
    .number { fill: #12171f }
  }
</style>
<defs>
  <marker id="tip-go" markerWidth="9" markerHeight="9" refX="6.5" refY="4" orient="auto" markerUnits="userSpaceOnUse"><path class="tip-go" d="M0 0 8 4 0 8z"/></marker>
  <marker id="tip-back" markerWidth="9" markerHeight="9" refX="6.5" refY="4" orient="auto" markerUnits="userSpaceOnUse"><path class="tip-back" d="M0 0 8 4 0 8z"/></marker>
</defs>
`

func drawLayers(svg *strings.Builder) {
	for row, layer := range layers {
		top := rowTop(row)
		if row%2 == 0 {
			fmt.Fprintf(svg, `<rect class="band" x="10" y="%d" width="%d" height="%d" rx="6"/>`+"\n", top, pictureWidth-20, rowHeight)
		}
		text(svg, "layer", 24, top+rowHeight/2-2, layer.name)
		text(svg, "packages", 24, top+rowHeight/2+15, layer.packages)
	}
}

func drawServices(svg *strings.Builder) {
	for service, words := range [2][2]string{
		{"order service", "REST and gRPC on one port"},
		{"payment service", "another process, another machine"},
	} {
		left := serviceLeft(service)
		fmt.Fprintf(svg, `<rect class="service" x="%d" y="%d" width="%d" height="%d" rx="10"/>`+"\n",
			left, 22, serviceWidth, pictureHeight-22-16)
		text(svg, "name", left+20, 50, words[0])
		text(svg, "role", left+20, 70, words[1])
	}
	middle := serviceLeft(0) + serviceWidth + serviceGap/2
	text(svg, "network", middle, rowTop(4)+rowHeight-26, "TCP")
}

// drawPaths draws the way there in one colour and the way back in another, from step to step.
func drawPaths(svg *strings.Builder, steps []place) {
	at := func(number int) place { return steps[number-1] }
	vertical := func(class string, from, to place) {
		offset := badge
		if to.y() < from.y() {
			offset = -badge
		}
		line(svg, class, from.x(), from.y()+offset, to.x(), to.y()-offset-sign(offset)*3)
	}
	for number := 1; number < 5; number++ {
		vertical("go", at(number), at(number+1))
	}
	vertical("go", at(6), at(7))
	vertical("go", at(7), at(8))
	vertical("back", at(9), at(10))
	vertical("back", at(10), at(11))
	vertical("back", at(12), at(13))
	vertical("back", at(13), at(14))
	// A REST client is above the order service.
	line(svg, "go", at(1).x(), headHeight+2, at(1).x(), at(1).y()-badge-3)
	line(svg, "back", at(14).x(), at(14).y()-badge, at(14).x(), headHeight+5)
	// From step 8 to step 9 is the user's method: over the words.
	fmt.Fprintf(svg, `<path class="go" d="M%d %d V%d H%d V%d" marker-end="url(#tip-go)"/>`+"\n",
		at(8).x(), at(8).y()-badge, at(8).y()-30, at(9).x(), at(9).y()-badge-3)
	// The network, below the last row's words: the response inside, the request around it.
	low, lower := rowTop(4)+rowHeight-14, rowTop(4)+rowHeight-5
	fmt.Fprintf(svg, `<path class="go" d="M%d %d V%d H%d V%d" marker-end="url(#tip-go)"/>`+"\n",
		at(5).x(), at(5).y()+badge, lower, at(6).x(), at(6).y()+badge+3)
	fmt.Fprintf(svg, `<path class="back" d="M%d %d V%d H%d V%d" marker-end="url(#tip-back)"/>`+"\n",
		at(11).x(), at(11).y()+badge, low, at(12).x(), at(12).y()+badge+3)
}

func sign(n int) int {
	if n < 0 {
		return -1
	}
	return 1
}

func drawStep(svg *strings.Builder, step place) {
	class := "tip-go"
	if step.back() {
		class = "tip-back"
	}
	fmt.Fprintf(svg, `<circle class="%s" cx="%d" cy="%d" r="%d"/>`, class, step.x(), step.y(), badge)
	text(svg, "number", step.x(), step.y()+5, fmt.Sprint(step.number))
	text(svg, "title", step.x()+badge+9, step.y()-2, step.title)
	text(svg, "below", step.x()+badge+9, step.y()+15, step.below)
}

func line(svg *strings.Builder, class string, x1, y1, x2, y2 int) {
	fmt.Fprintf(svg, `<path class="%s" d="M%d %d L%d %d" marker-end="url(#tip-%s)"/>`+"\n", class, x1, y1, x2, y2, class)
}

func text(svg *strings.Builder, class string, x, y int, words string) {
	fmt.Fprintf(svg, `<text class="%s" x="%d" y="%d">%s</text>`+"\n", class, x, y, html.EscapeString(words))
}
