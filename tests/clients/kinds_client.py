"""Calls every kind of method with Python's grpcio, found by server reflection.

    kinds_client.py HOST:PORT SET.BIN

Writes the service's descriptors (a FileDescriptorSet) to SET.BIN for clients without reflection.
"""

import pathlib
import queue
import sys
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status

DEADLINE = 20

channel = grpc.insecure_channel(sys.argv[1])
database = ProtoReflectionDescriptorDatabase(channel)
pool = descriptor_pool.DescriptorPool(database)
service = pool.FindServiceByName("kinds.Kinds")
Number = message_factory.GetMessageClass(pool.FindMessageTypeByName("kinds.Number"))

files = descriptor_pb2.FileDescriptorSet()
service.file.CopyToProto(files.file.add())
pathlib.Path(sys.argv[2]).write_bytes(files.SerializeToString())

CODEC = {"request_serializer": Number.SerializeToString, "response_deserializer": Number.FromString}
double = channel.unary_unary("/kinds.Kinds/Double", **CODEC)
count = channel.unary_stream("/kinds.Kinds/Count", **CODEC)
total = channel.stream_unary("/kinds.Kinds/Sum", **CODEC)
sums = channel.stream_stream("/kinds.Kinds/Sums", **CODEC)
fail = channel.unary_unary("/kinds.Kinds/Fail", **CODEC)
given_up = channel.unary_unary("/kinds.Kinds/GivenUp", **CODEC)

kinds = {m.name: (m.client_streaming, m.server_streaming) for m in service.methods}
assert kinds["Double"] == (False, False) and kinds["Count"] == (False, True), kinds
assert kinds["Sum"] == (True, False) and kinds["Sums"] == (True, True), kinds
checks = 1


def check(what, found, expected):
    global checks
    assert found == expected, f"{what}: {found!r} is not {expected!r}"
    checks += 1


reply, call = double.with_call(
    Number(value=21, note="ä"), timeout=DEADLINE, metadata=[("x-echo", "here")]
)
check("double", (reply.value, reply.note), (42, "ä"))
check("metadata", dict(call.initial_metadata())["x-echo"], "here")
check("trailer", dict(call.trailing_metadata())["x-after"], "double")

check("count", [n.value for n in count(Number(value=1000), timeout=DEADLINE)], list(range(1, 1001)))
check("count to nothing", list(count(Number(value=0), timeout=DEADLINE)), [])

reply = total((Number(value=v) for v in range(1, 501)), timeout=DEADLINE)
check("sum", (reply.value, reply.note), (125250, "500 numbers"))
check("sum of nothing", total(iter(()), timeout=DEADLINE).value, 0)

# One at a time: the next number is sent after the previous sum was received.
said = []
answered = queue.Queue()


def numbers():
    for value in range(1, 51):
        yield Number(value=value)
        answered.get(timeout=DEADLINE)


call = sums(numbers(), timeout=DEADLINE)
for number in call:
    said.append(number.value)
    answered.put(None)
check("sums", said, [n * (n + 1) // 2 for n in range(1, 51)])
check("trailer of a stream", dict(call.trailing_metadata())["x-after"], "sums")

said = []
try:
    for number in sums(iter([Number(value=1), Number(value=2), Number(value=-3)]), timeout=DEADLINE):
        said.append(number.value)
    raise AssertionError("a negative number must fail")
except grpc.RpcError as error:
    check("before the error", said, [1, 3])
    check("error in mid-stream", (error.code().name, error.details()), ("OUT_OF_RANGE", "-3 is negative"))

for code in range(1, 17):
    try:
        fail(Number(value=code, note="n"), timeout=DEADLINE)
        raise AssertionError(f"code {code} must fail")
    except grpc.RpcError as error:
        check("code", error.code().value[0], code)
        check("message", error.details(), "asked to fail: ä %")
        detail = rpc_status.from_call(error).details[0]
        check("type of the detail", detail.type_url, "type.googleapis.com/kinds.Number")
        check("detail", Number.FromString(detail.value).note, "n")

try:
    list(count(Number(value=-1), timeout=0.3))
    raise AssertionError("the deadline must come")
except grpc.RpcError as error:
    check("deadline", error.code().name, "DEADLINE_EXCEEDED")

call = count(Number(value=-1), timeout=DEADLINE)
next(call)
call.cancel()
for _ in range(200):
    if given_up(Number(), timeout=DEADLINE).value >= 2:
        break
    time.sleep(0.05)
check("given up", given_up(Number(), timeout=DEADLINE).value >= 2, True)
print(f"python client: {checks} checks")
