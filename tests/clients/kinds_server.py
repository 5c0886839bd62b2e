"""Serves every kind of method with Python's grpcio.

    kinds_server.py SET.BIN

SET.BIN holds the service's descriptors (a FileDescriptorSet). Prints the address.
"""

import pathlib
import sys
import threading
import time
from concurrent import futures

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory
from google.rpc import status_pb2
from grpc_status import rpc_status

files = descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(sys.argv[1]).read_bytes())
pool = descriptor_pool.DescriptorPool()
for file in files.file:
    pool.Add(file)
Number = message_factory.GetMessageClass(pool.FindMessageTypeByName("kinds.Number"))
given_up_count = 0
lock = threading.Lock()


def abort(context, code, message, detail):
    packed = any_pb2.Any()
    packed.Pack(detail)
    status = status_pb2.Status(code=code, message=message, details=[packed])
    context.abort_with_status(rpc_status.to_status(status))


def double(request, context):
    for key, value in context.invocation_metadata():
        if key == "x-echo":
            context.send_initial_metadata([("x-echo", value)])
    context.set_trailing_metadata([("x-after", "double")])
    return Number(value=request.value * 2, note=request.note)


def give_up():
    global given_up_count
    with lock:
        given_up_count += 1


def count(request, context):
    if request.value < 0:
        context.add_callback(give_up)
    value = 0
    while context.is_active() and (request.value < 0 or value < request.value):
        value += 1
        yield Number(value=value)


def total(requests, context):
    values = [request.value for request in requests]
    return Number(value=sum(values), note=f"{len(values)} numbers")


def sums(requests, context):
    context.set_trailing_metadata([("x-after", "sums")])
    so_far = 0
    for request in requests:
        if request.value < 0:
            code = grpc.StatusCode.OUT_OF_RANGE.value[0]
            abort(context, code, f"{request.value} is negative", request)
        so_far += request.value
        yield Number(value=so_far)


def fail(request, context):
    abort(context, request.value, "asked to fail: ä %", request)


def given_up(request, context):
    return Number(value=given_up_count)


CODEC = {"request_deserializer": Number.FromString, "response_serializer": Number.SerializeToString}
handlers = {
    "Double": grpc.unary_unary_rpc_method_handler(double, **CODEC),
    "Count": grpc.unary_stream_rpc_method_handler(count, **CODEC),
    "Sum": grpc.stream_unary_rpc_method_handler(total, **CODEC),
    "Sums": grpc.stream_stream_rpc_method_handler(sums, **CODEC),
    "Fail": grpc.unary_unary_rpc_method_handler(fail, **CODEC),
    "GivenUp": grpc.unary_unary_rpc_method_handler(given_up, **CODEC),
}
server = grpc.server(
    futures.ThreadPoolExecutor(max_workers=16), compression=grpc.Compression.NoCompression
)
server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("kinds.Kinds", handlers)])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
print(f"listening 127.0.0.1:{port}", flush=True)
while True:
    time.sleep(3600)
