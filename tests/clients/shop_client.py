"""Makes a client out of `.proto` files and calls the service with it.

    shop_client.py HOST:PORT DIRECTORY
"""

import pathlib
import sys
import tempfile

import grpc
from grpc_tools import protoc

DEADLINE = 20

address, directory = sys.argv[1], pathlib.Path(sys.argv[2])
made = tempfile.TemporaryDirectory()
files = sorted(str(path.relative_to(directory)) for path in directory.rglob("*.proto"))
words = [f"--proto_path={directory}", f"--python_out={made.name}", f"--grpc_python_out={made.name}"]
wellknown = pathlib.Path(protoc.__file__).parent / "_proto"
if protoc.main(["protoc", f"--proto_path={wellknown}", *words, *files]) != 0:
    sys.exit("the .proto files do not compile")
# `shop.v1.proto` becomes the module `shop/v1_pb2`.
sys.path.insert(0, made.name)

from google.api import annotations_pb2  # noqa: E402
from google.protobuf import empty_pb2  # noqa: E402
from shop import money_pb2, v1_pb2, v1_pb2_grpc  # noqa: E402

channel = grpc.insecure_channel(address)
shop = v1_pb2_grpc.ShopStub(channel)

item = shop.Get(v1_pb2.Get(sku="tea", depth=2), timeout=DEADLINE)
colour = v1_pb2.Colour.Name(item.colour).removeprefix("COLOUR_")
print(
    "get:", item.sku, item.count if item.HasField("count") else "none", colour,
    item.prices["here"], len(item.parts), item.picture.hex(),
    item.keeps.ToMilliseconds() / 1000, item.weight, item.shift,
)  # fmt: skip

coins = money_pb2.Payment.Coins(count=3, currency="EUR")
paid = v1_pb2.Buy(sku="tea", payment=money_pb2.Payment(coins=coins))
print("buy:", shop.Buy(paid, timeout=DEADLINE).sku)
paid.payment.nothing.SetInParent()
try:
    shop.Buy(paid, timeout=DEADLINE)
except grpc.RpcError as error:
    print("unknown:", error.code().name, error.details())

watched = shop.Watch(v1_pb2.Get(sku="tea", depth=3), timeout=DEADLINE)
print("watch:", " ".join(f"{item.sku}{item.count}" for item in watched))

items = [v1_pb2.Item(sku=sku) for sku in "abc"]
stocked = shop.Stock(iter(items), timeout=DEADLINE)
print("stock:", stocked.sku, stocked.depth)
swapped = shop.Swap(iter(items[:2]), timeout=DEADLINE)
print("swap:", " ".join(item.sku for item in swapped))
shop.Close(empty_pb2.Empty(), timeout=DEADLINE)
print("close: ok")

method = v1_pb2.DESCRIPTOR.services_by_name["Shop"].methods_by_name["Get"]
print("rule: GET", method.GetOptions().Extensions[annotations_pb2.http].get)
