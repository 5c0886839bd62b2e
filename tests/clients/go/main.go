// Every kind of call in Go: a client and a server of grpc-go, a client of connect-go.
//
//	kinds grpc-client    HOST:PORT SET.BIN
//	kinds connect-client HOST:PORT SET.BIN
//	kinds grpc-server    SET.BIN
//
// SET.BIN contains the service's descriptors (a FileDescriptorSet), from which messages are created.
package main

import (
	"fmt"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

var (
	numberType  protoreflect.MessageDescriptor
	serviceDesc protoreflect.ServiceDescriptor
	checks      int
)

func main() {
	switch os.Args[1] {
	case "grpc-client":
		load(os.Args[3])
		grpcClient(os.Args[2])
	case "connect-client":
		load(os.Args[3])
		connectClient(os.Args[2])
	case "grpc-server":
		load(os.Args[2])
		grpcServer()
	default:
		panic("unknown role " + os.Args[1])
	}
}

func load(path string) {
	bytes, err := os.ReadFile(path)
	must(err)
	var set descriptorpb.FileDescriptorSet
	must(proto.Unmarshal(bytes, &set))
	files, err := protodesc.NewFiles(&set)
	must(err)
	message, err := files.FindDescriptorByName("kinds.Number")
	must(err)
	service, err := files.FindDescriptorByName("kinds.Kinds")
	must(err)
	numberType = message.(protoreflect.MessageDescriptor)
	serviceDesc = service.(protoreflect.ServiceDescriptor)
}

func empty() *dynamicpb.Message { return dynamicpb.NewMessage(numberType) }

func number(value int64, note string) *dynamicpb.Message {
	message := empty()
	message.Set(numberType.Fields().ByName("value"), protoreflect.ValueOfInt64(value))
	message.Set(numberType.Fields().ByName("note"), protoreflect.ValueOfString(note))
	return message
}

func value(message *dynamicpb.Message) int64 {
	return message.Get(numberType.Fields().ByName("value")).Int()
}

func note(message *dynamicpb.Message) string {
	return message.Get(numberType.Fields().ByName("note")).String()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(what string, found, expected any) {
	if fmt.Sprint(found) != fmt.Sprint(expected) {
		panic(fmt.Sprintf("%s: %v is not %v", what, found, expected))
	}
	checks++
}
