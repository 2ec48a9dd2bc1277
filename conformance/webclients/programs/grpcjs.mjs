// SPDX-License-Identifier: Apache-2.0

// node grpcjs.mjs ADDRESS DESCRIPTORS: @grpc/grpc-js, gRPC's own implementation for Node.

import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import { promisify } from "node:util";
import grpc from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";

const [address, descriptors] = process.argv.slice(2);
const { Orders } = grpc.loadPackageDefinition(loadFileDescriptorSetFromBuffer(readFileSync(descriptors), { longs: String })).shop.v1;

for (const options of [{}, { "grpc.default_compression_algorithm": 2 }]) { // 2 is gzip
  const client = new Orders(address, grpc.credentials.createInsecure(), options);
  const call = (name, request) => promisify(client[name].bind(client))(request, { deadline: Date.now() + 10000 });
  const order = await call("CreateOrder", {
    customer: "web", card_token: "tok_visa_4242",
    items: [{ sku: "TEA-500", quantity: 2, unit_price: { currency_code: "EUR", units: 4 } }],
  });
  assert.equal(order.total.units, "8");
  const seen = [];
  const watch = client.WatchOrder({ order_id: order.order_id });
  for await (const now of watch) {
    seen.push(now.status);
    if (seen.length === 1) {
      await call("CancelOrder", { order_id: order.order_id });
    }
  }
  assert.deepEqual(seen, [2, 4]);
  await assert.rejects(call("GetOrder", { order_id: "ord_nothing" }), (err) => err.code === grpc.status.NOT_FOUND && err.details.includes("ord_nothing"));
  client.close();
}
console.log("ok");
