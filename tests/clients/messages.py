"""Reads our descriptors, bytes and JSON with Python's protobuf, and writes them back.

Takes a directory with `set.bin` (a FileDescriptorSet), and `NAME.bin` and `NAME.json` for each
message; writes `NAME.back.bin`, `NAME.back.json` and `NAME.unknown.bin` (with fields that we do
not know) beside them. Fails when bytes and JSON disagree or ours is not the canonical JSON.
"""

import json
import pathlib
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory


def main(directory, full_name):
    files = descriptor_pb2.FileDescriptorSet.FromString((directory / "set.bin").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        pool.Add(file) if hasattr(pool, "Add") else pool.AddSerializedFile(file.SerializeToString())
    descriptor = pool.FindMessageTypeByName(full_name)
    cls = message_factory.GetMessageClass(descriptor)
    assert descriptor.fields_by_name["maybe_int"].has_presence
    assert not descriptor.fields_by_name["int"].has_presence

    for path in sorted(directory.glob("*.json")):
        name = path.stem
        ours = cls.FromString((directory / f"{name}.bin").read_bytes())
        canonical = json.loads(json_format.MessageToJson(ours, descriptor_pool=pool))
        text = path.read_text(encoding="utf-8")
        given = json.loads(text)
        assert given == canonical, f"{name}: {given} is not {canonical}"
        parsed = json_format.Parse(text, cls(), descriptor_pool=pool)
        assert parsed == ours, f"{name}: JSON and bytes disagree"

        back = ours.SerializeToString(deterministic=True)
        (directory / f"{name}.back.bin").write_bytes(back)
        with_names = json_format.MessageToJson(
            ours, preserving_proto_field_name=True, use_integers_for_enums=True, descriptor_pool=pool
        )
        (directory / f"{name}.back.json").write_text(with_names, encoding="utf-8")
        # 2000: a varint; 2001: bytes; 2002: a group with a fixed64 in it; 2003: a fixed32.
        unknown = bytes.fromhex("807d05 8a7d03616263 937d 0900000000000000ff 947d 9d7d01020304")
        (directory / f"{name}.unknown.bin").write_bytes(unknown + back)
    print("ok")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), sys.argv[2])
