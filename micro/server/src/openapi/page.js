// Lists the methods of the OpenAPI description and calls them over Connect. Writes only text, never
// markup, because doc comments and responses may contain anything.

"use strict";

/** Maximum number of messages of a stream that are shown. Older ones are removed. */
const SHOWN = 500;
/** Interval between two updates of a stream, in milliseconds. Later messages are shown together. */
const PAUSE = 50;
/** Maximum nesting depth of an example. */
const DEPTH = 4;
/** Flag of the last frame of a stream, which holds the trailing metadata and the error, if any. */
const END = 2;

const at = (id) => document.getElementById(id);

/** Creates an element with attributes and text. */
function element(name, attributes = {}, text = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

let description = {};
let methods = [];
let chosen = null;
let running = null;

/** Returns all methods of the description, by service and name. */
function collect() {
  const found = [];
  const rules = {};
  const noted = (operation, verb) => {
    const rule = /^(.*)\.http\d+$/.exec(operation.operationId);
    if (rule === null) return false;
    (rules[rule[1]] ??= []).push(`${verb.toUpperCase()} ${operation["x-micro-path"]}`);
    return true;
  };
  for (const [path, verbs] of Object.entries(description.paths)) {
    for (const [verb, operation] of Object.entries(verbs)) {
      if (noted(operation, verb)) continue;
      const service = operation.tags[0];
      if (verb !== "post" || !path.startsWith(`/${service}/`)) continue;
      const json = (part) => part.content["application/json"].schema;
      found.push({
        path,
        service,
        name: path.slice(service.length + 2),
        doc: operation.description ?? "",
        idempotent: "get" in verbs,
        sends: false,
        receives: false,
        request: json(operation.requestBody),
        reply: json(operation.responses["200"]),
      });
    }
  }
  for (const stream of description["x-micro-streams"] ?? []) {
    found.push({
      path: stream.path,
      service: stream.service,
      name: stream.method,
      doc: stream.description,
      idempotent: false,
      sends: stream.streamsRequests,
      receives: stream.streamsReplies,
      request: stream.request,
      reply: stream.reply,
    });
  }
  for (const rule of description["x-micro-http"] ?? []) noted(rule, rule["x-micro-verb"]);
  for (const method of found) method.rules = rules[`${method.service}.${method.name}`] ?? [];
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

function kind(method) {
  if (method.sends && method.receives) return "bidirectional stream";
  if (method.sends) return "client stream";
  return method.receives ? "server stream" : "unary";
}

/** Returns the definition that a schema refers to, or the schema itself. */
function resolve(schema) {
  const name = schema.$ref?.replace("#/components/schemas/", "");
  return name === undefined ? schema : description.components.schemas[name] ?? {};
}

/** Returns an example value of a schema. */
function example(schema, depth = DEPTH) {
  const shape = resolve(schema);
  const types = [shape.type].flat();
  if (types.includes("null") || depth < 0) return null;
  if (shape.anyOf) return shape.anyOf[0].const ?? null;
  if (shape.properties) return fields(shape, depth);
  if (types.includes("array")) {
    const item = example(shape.items ?? {}, depth - 1);
    return item === null ? [] : [item];
  }
  if (types.includes("object")) return {};
  if (types[0] === "boolean") return false;
  if (types[0] === "integer" || types[0] === "number") return 0;
  if (shape.format === "date-time") return new Date().toISOString();
  if (types.includes("integer")) return "0";
  return shape.examples?.[0] ?? (types[0] === "string" ? "" : null);
}

/** Returns the example fields of a message: the first of each oneof, nothing below `depth`. */
function fields(shape, depth) {
  const left = new Set();
  for (const rule of shape.allOf ?? []) {
    const members = rule.oneOf.map((one) => one.required?.[0]).filter((name) => name);
    for (const name of members.slice(1)) left.add(name);
  }
  const made = {};
  for (const [name, field] of Object.entries(shape.properties)) {
    if (left.has(name) || field.deprecated) continue;
    if (field.$ref && depth === 0) continue;
    made[name] = example(field, depth - 1);
  }
  return made;
}

/** Returns a schema together with all schemas that it refers to. */
function unfold(schema, found = {}) {
  const text = JSON.stringify(schema);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
    if (name in found) continue;
    found[name] = description.components.schemas[name];
    unfold(found[name] ?? {}, found);
  }
  return found;
}

function list() {
  const wanted = at("filter").value.toLowerCase();
  const place = at("methods");
  place.replaceChildren();
  let group = null;
  let service = null;
  for (const method of methods) {
    if (!method.path.toLowerCase().includes(wanted)) continue;
    if (method.service !== service) {
      service = method.service;
      const about = (description.tags ?? []).find((tag) => tag.name === service)?.description ?? "";
      place.append(element("h3", { title: about }, service));
      group = place.appendChild(element("ul"));
    }
    const link = element("a", { href: `#${method.path}` }, method.name);
    if (method === chosen) link.setAttribute("aria-current", "page");
    group.appendChild(element("li")).append(link);
  }
}

function choose() {
  const path = decodeURIComponent(location.hash.slice(1));
  const method = methods.find((one) => one.path === path) ?? methods[0];
  if (method === undefined) return trouble("nothing is served here");
  running?.abort();
  chosen = method;
  list();
  at("main").hidden = false;
  at("name").textContent = method.name;
  at("kind").textContent = kind(method);
  at("repeatable").hidden = !method.idempotent;
  at("path").textContent = method.path;
  at("rules").replaceChildren(...method.rules.map((rule) => element("li", {}, rule)));
  at("doc").textContent = method.doc;
  at("request-label").textContent = method.sends ? "Requests, an array of them" : "Request";
  at("answer").hidden = true;
  at("schema").textContent = JSON.stringify(unfold([method.request, method.reply]), null, 2);
  reset();
}

function reset() {
  const one = example(chosen.request) ?? {};
  at("request").value = JSON.stringify(chosen.sends ? [one] : one, null, 2);
}

/** Parses the metadata that the user has entered, one entry per line. */
function metadata() {
  const headers = new Headers();
  for (const line of at("metadata").value.split("\n")) {
    if (line.trim() === "") continue;
    const colon = line.indexOf(":");
    if (colon < 1) throw new Error(`metadata: \`${line}\` is not \`key: value\``);
    headers.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  const timeout = at("timeout").value;
  if (timeout !== "") headers.set("connect-timeout-ms", timeout);
  headers.set("connect-protocol-version", "1");
  return headers;
}

/** Encodes messages in frames: one byte of flags, four bytes of length, the message. */
function frames(requests) {
  const parts = requests.map((request) => new TextEncoder().encode(JSON.stringify(request)));
  const bytes = new Uint8Array(parts.reduce((size, part) => size + part.length + 5, 0));
  const view = new DataView(bytes.buffer);
  let place = 0;
  for (const part of parts) {
    view.setUint32(place + 1, part.length);
    bytes.set(part, place + 5);
    place += part.length + 5;
  }
  return bytes;
}

/** Yields the frames of a body as they arrive. */
async function* read(body) {
  const reader = body.getReader();
  let rest = new Uint8Array();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const bytes = new Uint8Array(rest.length + value.length);
    bytes.set(rest);
    bytes.set(value, rest.length);
    let place = 0;
    while (bytes.length - place >= 5) {
      const length = new DataView(bytes.buffer, place).getUint32(1);
      const end = place + 5 + length;
      if (end > bytes.length) break;
      const text = new TextDecoder().decode(bytes.subarray(place + 5, end));
      yield { flags: bytes[place], text };
      place = end;
    }
    rest = bytes.slice(place);
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function show(text) {
  const place = at("messages");
  if (place.childElementCount >= SHOWN) place.firstElementChild.remove();
  place.append(element("pre", {}, pretty(text)));
}

function status(good, text) {
  at("status").textContent = text;
  at("status").className = good ? "status good" : "status bad";
}

function told(count) {
  return count === 1 ? "1 message" : `${count} messages`;
}

function headers(entries) {
  at("headers").textContent = entries.map(([key, value]) => `${key}: ${value}`).join("\n");
}

async function unary(response) {
  const text = await response.text();
  show(text);
  let code = "";
  if (!response.ok) {
    try {
      const error = JSON.parse(text);
      code = ` · ${error.code ?? ""}: ${error.message ?? ""}`;
    } catch {
      code = "";
    }
  }
  return { good: response.ok, text: `${response.status}${code}`, trailing: [] };
}

async function stream(response, started) {
  let count = 0;
  let looked = 0;
  let fresh = [];
  const look = () => {
    for (const text of fresh.slice(-SHOWN)) show(text);
    fresh = [];
    looked = performance.now();
    status(true, `${count} so far · ${Math.round(looked - started)} ms`);
  };
  for await (const frame of read(response.body)) {
    if ((frame.flags & END) === 0) {
      count += 1;
      fresh.push(frame.text);
      if (performance.now() - looked > PAUSE) {
        look();
        // Yields to the event loop, so that the page handles clicks during a stream without pauses.
        await new Promise((resume) => setTimeout(resume));
      }
      continue;
    }
    look();
    const end = JSON.parse(frame.text);
    const trailing = Object.entries(end.metadata ?? {});
    const all = trailing.flatMap(([key, values]) => values.map((value) => [key, value]));
    const ended = end.error ? `${end.error.code}: ${end.error.message ?? ""}` : "ended well";
    return { good: !end.error, text: `${told(count)} · ${ended}`, trailing: all };
  }
  look();
  return { good: false, text: `${told(count)} · cut off before its end`, trailing: [] };
}

async function call(event) {
  event?.preventDefault();
  if (chosen === null || running !== null) return;
  at("answer").hidden = false;
  at("messages").replaceChildren();
  headers([]);
  running = new AbortController();
  at("call").disabled = true;
  at("cancel").disabled = false;
  const streams = chosen.sends || chosen.receives;
  const started = performance.now();
  try {
    const request = JSON.parse(at("request").value);
    if (chosen.sends && !Array.isArray(request)) throw new Error("requests are an array");
    const sent = metadata();
    sent.set("content-type", streams ? "application/connect+json" : "application/json");
    const body = streams ? frames(chosen.sends ? request : [request]) : JSON.stringify(request);
    status(true, "calling …");
    const signal = running.signal;
    const response = await fetch(chosen.path, { method: "POST", headers: sent, body, signal });
    const framed = response.headers.get("content-type")?.startsWith("application/connect+");
    const outcome = await (framed ? stream(response, started) : unary(response));
    const time = (performance.now() - started).toFixed(1);
    status(outcome.good, `${outcome.text} · ${time} ms`);
    headers([...response.headers, ...outcome.trailing]);
  } catch (error) {
    status(false, error.name === "AbortError" ? "cancelled" : error.message);
  } finally {
    running = null;
    at("call").disabled = false;
    at("cancel").disabled = true;
  }
}

function trouble(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = false;
}

async function start() {
  const response = await fetch("/openapi.json");
  if (!response.ok) throw new Error(`/openapi.json: ${response.status}`);
  description = await response.json();
  methods = collect();
  const { title, version } = description.info;
  at("title").textContent = `${title} ${version}`;
  document.title = title;
  at("filter").addEventListener("input", list);
  at("form").addEventListener("submit", call);
  at("reset").addEventListener("click", reset);
  at("cancel").addEventListener("click", () => running?.abort());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) call(event);
  });
  addEventListener("hashchange", choose);
  choose();
}

start().catch((error) => trouble(error.message));
