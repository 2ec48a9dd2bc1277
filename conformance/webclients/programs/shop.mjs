// SPDX-License-Identifier: Apache-2.0

// What the programs have in common: the shop's services from their descriptors, and the conversation that each of them
// has with it by promises and async iterators.

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";

// orders returns the descriptor of shop.v1.Orders.
export function orders(descriptors) {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors)).getService("shop.v1.Orders");
}

export const someOrder = {
  customer: "web",
  cardToken: "tok_visa_4242",
  items: [{ sku: "TEA-500", quantity: 2, unitPrice: { currencyCode: "EUR", units: 4n } }],
};

const paid = 2;
const cancelled = 4;

function expect(what, got, want) {
  if (got !== want) {
    throw new Error(`${what}: got ${got}, want ${want}`);
  }
}

// converse makes an order by way of a Connect transport, looks it up, watches it live until it is cancelled, and asks for one
// that there is not.
export async function converse(service, transport) {
  const client = createClient(service, transport);
  let header;
  const order = await client.createOrder(someOrder, { onHeader: (h) => (header = h) });
  expect("the status of a new order", order.status, paid);
  expect("what it costs", order.total.units, 8n);
  expect("its content-type is there", header.get("content-type") !== null, true);
  const again = await client.getOrder({ orderId: order.orderId });
  expect("the order again", again.paymentId, order.paymentId);
  const seen = [];
  for await (const now of client.watchOrder({ orderId: order.orderId })) {
    seen.push(now.status);
    if (seen.length === 1) {
      await client.cancelOrder({ orderId: order.orderId }); // while the stream is open: the next message tells of it
    }
  }
  expect("what was watched", seen.join(), [paid, cancelled].join());
  try {
    await client.getOrder({ orderId: "ord_nothing" });
    throw new Error("an order that there is not was found");
  } catch (err) {
    const failure = ConnectError.from(err);
    expect("the code of what is not there", failure.code, Code.NotFound);
    expect("its message is about the order", failure.rawMessage.includes("ord_nothing"), true);
  }
  const ended = new AbortController();
  const waiting = await client.createOrder(someOrder);
  try {
    for await (const now of client.watchOrder({ orderId: waiting.orderId }, { signal: ended.signal })) {
      expect("the order watched", now.status, paid);
      ended.abort();
    }
    throw new Error("a watch ended by itself");
  } catch (err) {
    expect("the code of what was given up", ConnectError.from(err).code, Code.Canceled);
  }
}
