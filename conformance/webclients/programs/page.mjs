// SPDX-License-Identifier: Apache-2.0

// The page: @connectrpc/connect-web in each of its protocols and forms, grpc-web in its own two, and the browser's own
// EventSource. Whoever has opened it calls check.

import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import grpcWeb from "grpc-web";
import { converse, orders, someOrder } from "./shop.mjs";

async function byConnectWeb(service, baseUrl) {
  const done = [];
  for (const useBinaryFormat of [true, false]) {
    for (const useHttpGet of [true, false]) {
      await converse(service, createConnectTransport({ baseUrl, useBinaryFormat, useHttpGet }));
    }
    await converse(service, createGrpcWebTransport({ baseUrl, useBinaryFormat }));
    done.push(`connect-web ${useBinaryFormat ? "protobuf" : "JSON"}`);
  }
  return done;
}

// byGrpcWeb is the official client, which has code generated for each service; what that does is written out here.
async function byGrpcWeb(service, baseUrl, format) {
  const client = new grpcWeb.GrpcWebClientBase({ format });
  const describe = (method, type) =>
    new grpcWeb.MethodDescriptor(`/${service.typeName}/${method.name}`, type, Object, Object,
      (request) => toBinary(method.input, create(method.input, request)), (bytes) => fromBinary(method.output, bytes));
  const unary = (name, request) => {
    const method = service.method[name];
    const description = describe(method, grpcWeb.MethodType.UNARY);
    return client.unaryCall(`${baseUrl}${description.getName()}`, request, { "in-metadata": "x" }, description);
  };
  const order = await unary("createOrder", someOrder);
  const failure = await unary("getOrder", { orderId: "ord_nothing" }).then(() => null, (err) => err);
  if (failure?.code !== grpcWeb.StatusCode.NOT_FOUND || !failure.message.includes("ord_nothing")) {
    throw new Error(`what is not there: ${failure}`);
  }
  const description = describe(service.method.watchOrder, grpcWeb.MethodType.SERVER_STREAMING);
  const seen = [];
  await new Promise((resolve, reject) => {
    const stream = client.serverStreaming(`${baseUrl}${description.getName()}`, { orderId: order.orderId }, {}, description);
    const first = () => seen.length === 1 && unary("cancelOrder", { orderId: order.orderId }).catch(reject);
    stream.on("data", (now) => { seen.push(now.status); first(); });
    stream.on("error", reject);
    stream.on("end", resolve);
    if (format === "binary") { // in which this client shows messages at the end only
      unary("cancelOrder", { orderId: order.orderId }).catch(reject);
    }
  });
  if (seen.at(-1) !== 4) {
    throw new Error(`what was watched: ${seen}`);
  }
  return [`grpc-web ${format}`];
}

// byREST makes an order by REST, watches it by the browser's EventSource and cancels it.
async function byREST(baseUrl) {
  const post = async (path, body) => {
    const response = await fetch(baseUrl + path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
    return response.json();
  };
  const order = await post("/v1/orders", {
    customer: "web", cardToken: "tok_visa_4242", items: [{ sku: "TEA-500", quantity: 2, unitPrice: { currencyCode: "EUR", units: "4" } }],
  });
  const events = new EventSource(`${baseUrl}/v1/orders/${order.orderId}:watch`);
  const seen = [];
  await new Promise((resolve, reject) => {
    events.onmessage = (event) => {
      seen.push(JSON.parse(event.data).status);
      if (seen.length === 1) {
        post(`/v1/orders/${order.orderId}:cancel`, {}).catch(reject);
      } else {
        resolve();
      }
    };
    events.onerror = () => reject(new Error(`the EventSource has failed after ${seen}`));
  });
  events.close();
  if (seen.join() !== "ORDER_STATUS_PAID,ORDER_STATUS_CANCELLED") {
    throw new Error(`what was watched: ${seen}`);
  }
  return ["EventSource"];
}

globalThis.check = async (baseUrl) => {
  const descriptors = new Uint8Array(await (await fetch("/descriptors.bin")).arrayBuffer());
  const service = orders(descriptors);
  return [
    ...(await byConnectWeb(service, baseUrl)), ...(await byGrpcWeb(service, baseUrl, "text")), ...(await byGrpcWeb(service, baseUrl, "binary")),
    ...(await byREST(baseUrl)),
  ];
};

// refused tells what becomes of a call that the server does not let this page make.
globalThis.refused = async (baseUrl) => {
  try {
    await fetch(`${baseUrl}/shop.v1.Orders/GetOrder`, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
    return "answered";
  } catch (err) {
    return err.name;
  }
};
