// Every kind of call with the Connect clients for Node and for browsers.
//
//   node kinds.mjs HOST:PORT SET.BIN
//
// SET.BIN contains the service's descriptors (a FileDescriptorSet), from which messages are created.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";

const [address, path] = process.argv.slice(2);
const baseUrl = `http://${address}`;
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(path)));
const service = registry.getService("kinds.Kinds");
const numberType = registry.getMessage("kinds.Number");
const number = (value, note = "") => create(numberType, { value: BigInt(value), note });
let checks = 0;

function check(what, found, expected) {
  assert.deepEqual(found, expected, what);
  checks++;
}

async function fails(what, code, call) {
  try {
    await call();
  } catch (error) {
    const failed = ConnectError.from(error);
    check(what, Code[failed.code], Code[code]);
    return failed;
  }
  assert.fail(`${what} must fail`);
}

// Supported by every transport: unary calls and response streams.
async function simple(client) {
  let before, after;
  const reply = await client.double(number(21, "ä"), {
    headers: { "x-echo": "here" },
    onHeader: (headers) => (before = headers),
    onTrailer: (trailers) => (after = trailers),
  });
  check("double", [reply.value, reply.note], [42n, "ä"]);
  check("metadata", before.get("x-echo"), "here");
  check("trailer", after.get("x-after"), "double");

  const counted = [];
  for await (const reply of client.count(number(300))) counted.push(Number(reply.value));
  check("count", counted, Array.from({ length: 300 }, (_, at) => at + 1));
  for await (const reply of client.count(number(0))) assert.fail(`counted ${reply.value}`);

  for (let code = 1; code <= 16; code++) {
    const error = await fails("code", code, () => client.fail(number(code, "n")));
    check("message", error.rawMessage, "asked to fail: ä %");
    check("detail", error.findDetails(numberType).map((detail) => detail.note), ["n"]);
  }
  await fails("deadline", Code.DeadlineExceeded, async () => {
    for await (const _ of client.count(number(-1), { timeoutMs: 300 }));
  });
  const { value: before_ } = await client.givenUp(number(0));
  const giveUp = new AbortController();
  await fails("cancelled", Code.Canceled, async () => {
    for await (const _ of client.count(number(-1), { signal: giveUp.signal })) giveUp.abort();
  });
  const until = Date.now() + 20_000;
  let seen = before_;
  while (seen === before_ && Date.now() < until) {
    seen = (await client.givenUp(number(0))).value;
  }
  check("given up", seen > before_, true);
}

async function* numbers(...values) {
  for (const value of values) yield number(value);
}

// Supported only over HTTP/2: request streams.
async function full(client) {
  const sum = await client.sum(numbers(1, 2, 3));
  check("sum", [sum.value, sum.note], [6n, "3 numbers"]);

  // One at a time: the next number is sent after the previous sum was received.
  let heard;
  async function* talk() {
    for (let value = 1; value <= 50; value++) {
      const answered = new Promise((resolve) => (heard = resolve));
      yield number(value);
      await answered;
    }
  }
  const sums = [];
  let after;
  const options = { onTrailer: (trailers) => (after = trailers) };
  for await (const reply of client.sums(talk(), options)) {
    sums.push(Number(reply.value));
    heard();
  }
  check("sums", sums, Array.from({ length: 50 }, (_, at) => ((at + 1) * (at + 2)) / 2));
  check("trailer of a stream", after.get("x-after"), "sums");

  const some = [];
  const error = await fails("error in mid-stream", Code.OutOfRange, async () => {
    for await (const reply of client.sums(numbers(1, 2, -3))) some.push(Number(reply.value));
  });
  check("before the error", some, [1, 3]);
  check("detail of the error", error.findDetails(numberType).map((d) => d.value), [-3n]);
}

for (const useBinaryFormat of [true, false]) {
  for (const httpVersion of ["1.1", "2"]) {
    const options = { baseUrl, httpVersion, useBinaryFormat, useHttpGet: true };
    await simple(createClient(service, node.createConnectTransport(options)));
    await simple(createClient(service, node.createGrpcWebTransport(options)));
  }
  const options = { baseUrl, httpVersion: "2", useBinaryFormat };
  await full(createClient(service, node.createConnectTransport(options)));
  await simple(createClient(service, node.createGrpcTransport(options)));
  await full(createClient(service, node.createGrpcTransport(options)));
  // The browser clients use fetch, which Node provides.
  await simple(createClient(service, web.createConnectTransport({ baseUrl, useBinaryFormat })));
  await simple(createClient(service, web.createGrpcWebTransport({ baseUrl, useBinaryFormat })));
}
console.log(`connect client for node and browsers: ${checks} checks`);
process.exit(0);
