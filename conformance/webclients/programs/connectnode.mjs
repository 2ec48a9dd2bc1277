// SPDX-License-Identifier: Apache-2.0

// node connectnode.mjs ADDRESS DESCRIPTORS: @connectrpc/connect-node by every protocol, version of HTTP and form that it has.

import { readFileSync } from "node:fs";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { converse, orders } from "./shop.mjs";

const [address, descriptors] = process.argv.slice(2);
const service = orders(readFileSync(descriptors));
const baseUrl = `http://${address}`;

for (const httpVersion of ["1.1", "2"]) {
  for (const useBinaryFormat of [true, false]) {
    for (const useHttpGet of [true, false]) {
      await converse(service, createConnectTransport({ baseUrl, httpVersion, useBinaryFormat, useHttpGet }));
    }
    await converse(service, createGrpcWebTransport({ baseUrl, httpVersion, useBinaryFormat }));
    if (httpVersion === "2") {
      await converse(service, createGrpcTransport({ baseUrl, httpVersion, useBinaryFormat }));
    }
    console.log(`ok HTTP/${httpVersion} ${useBinaryFormat ? "protobuf" : "JSON"}`);
  }
}
process.exit(0); // sessions of HTTP/2 would keep it for a while
