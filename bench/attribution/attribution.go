// SPDX-License-Identifier: Apache-2.0

package attribution

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// Profile is a CPU profile by layers.
type Profile struct {
	Samples int64           // how often the profiler looked
	Total   int64           // nanoseconds
	Layers  map[Layer]int64 // nanoseconds
}

// Share returns a layer's part of the whole. Where the profiler never looked, all of it is Others.
func (p *Profile) Share(layer Layer) float64 {
	if p.Total == 0 {
		if layer == Others {
			return 1
		}
		return 0
	}
	return float64(p.Layers[layer]) / float64(p.Total)
}

// Read attributes the samples of a CPU profile as runtime/pprof writes it. main is the layer of the program's package main.
func Read(from io.Reader, main Layer) (*Profile, error) {
	parsed, err := profile.Parse(from)
	if err != nil {
		return nil, err
	}
	return Of(parsed, main)
}

// Of is Read of a profile that has been parsed.
func Of(parsed *profile.Profile, main Layer) (*Profile, error) {
	samples, cpu := valueOf(parsed, "samples"), valueOf(parsed, "cpu")
	if samples < 0 || cpu < 0 {
		return nil, errors.New("this is no CPU profile: it lacks the values samples and cpu")
	}
	p := &Profile{Layers: map[Layer]int64{}}
	for i, sample := range parsed.Sample {
		frames := framesOf(sample)
		if len(sample.Value) != len(parsed.SampleType) {
			return nil, fmt.Errorf("sample %d of the profile has %d values, want %d", i, len(sample.Value), len(parsed.SampleType))
		}
		if beforehand(frames) {
			continue
		}
		p.Samples += sample.Value[samples]
		p.Total += sample.Value[cpu]
		p.Layers[layerOf(frames, main)] += sample.Value[cpu]
	}
	return p, nil
}

// beforehand reports whether a sample is of what a process does before its first call: to make a message of 16 MiB takes as
// long as to send a few.
func beforehand(frames []string) bool {
	return slices.Contains(frames, "github.com/farcall/farcall/bench/harness.prepareAll") || slices.Contains(frames, "runtime.doInit")
}

func valueOf(parsed *profile.Profile, name string) int {
	return slices.IndexFunc(parsed.SampleType, func(t *profile.ValueType) bool { return t.Type == name })
}

// framesOf returns the names of a sample's functions, the innermost first, with those that were inlined.
func framesOf(sample *profile.Sample) []string {
	var frames []string
	for _, location := range sample.Location {
		for _, line := range location.Line {
			if line.Function != nil {
				frames = append(frames, line.Function.Name)
			}
		}
	}
	return frames
}

// layerOf goes from the innermost frame outwards, and takes the first that says whose time it is: a system call and what it
// is called for; a part of the Go runtime that is a layer of its own, or a lock; else the innermost package that is one.
// Frames that say nothing (maps, comparisons, strings, the clock) are their caller's.
func layerOf(frames []string, main Layer) Layer {
	if len(frames) == 0 {
		return Others
	}
	if layer, ok := kernelLayer(frames); ok {
		return layer
	}
	if frames[0] == "runtime.memmove" {
		return Copying
	}
	for _, frame := range frames {
		path, function := split(frame)
		if path == "main" {
			return main
		}
		if layer, ok := runtimeLayer(path, function); ok {
			return layer
		}
		for _, p := range packages {
			if p.path == path || strings.HasSuffix(p.path, "/") && strings.HasPrefix(path+"/", p.path) {
				return p.layer
			}
		}
	}
	return Others
}

// PackageOf returns the path of a function's package.
func PackageOf(function string) string {
	path, _ := split(function)
	return path
}

// split cuts a function's name behind its package: "net/http.(*conn).serve" into "net/http" and "(*conn).serve". The names of
// types in brackets may have slashes and dots as well.
func split(frame string) (path, function string) {
	name, _, _ := strings.Cut(frame, "[")
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	if dot < 0 {
		return frame, ""
	}
	return frame[:slash+dot], frame[slash+dot+1:]
}
