"""Calls a service with nothing but its address: lists, describes and calls by server reflection.

    reflect.py HOST:PORT
"""

import sys

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

DEADLINE = 20

channel = grpc.insecure_channel(sys.argv[1])
database = ProtoReflectionDescriptorDatabase(channel)
services = sorted(database.get_services())
print("services:", " ".join(services))

pool = descriptor_pool.DescriptorPool(database)
service = pool.FindServiceByName("greeter.Greeter")
for method in service.methods:
    print(f"{method.name}({method.input_type.full_name}) -> {method.output_type.full_name}")
    for kind in (method.input_type, method.output_type):
        print(f"  {kind.full_name}:", ", ".join(f"{f.number} {f.name}" for f in kind.fields))


def call(name, request):
    """Calls a method with what JSON says; gives what JSON says."""
    method = service.methods_by_name[name]
    request_class = message_factory.GetMessageClass(method.input_type)
    reply_class = message_factory.GetMessageClass(method.output_type)
    stub = channel.unary_unary(
        f"/{service.full_name}/{name}",
        request_serializer=request_class.SerializeToString,
        response_deserializer=reply_class.FromString,
    )
    message = json_format.ParseDict(request, request_class())
    return json_format.MessageToDict(stub(message, timeout=DEADLINE))


reply = call("Hello", {"name": "Ada", "number": "18446744073709551615", "wait": "0.010s"})
print("reply:", reply["greeting"], reply["number"])

try:
    call("Hello", {"name": "x" * (5 << 20)})
except grpc.RpcError as error:
    print("too large:", error.code().name, error.details())

unknown = channel.unary_unary("/greeter.Greeter/Bye")
try:
    unknown(b"", timeout=DEADLINE)
except grpc.RpcError as error:
    print("unknown:", error.code().name, error.details())

health = channel.unary_unary("/grpc.health.v1.Health/Check")
print("health:", health(b"", timeout=DEADLINE).hex())
