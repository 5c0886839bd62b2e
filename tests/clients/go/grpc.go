package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/dynamicpb"
)

const patience = 20 * time.Second

var (
	serverStream = &grpc.StreamDesc{ServerStreams: true}
	clientStream = &grpc.StreamDesc{ClientStreams: true}
	bothStream   = &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}
)

func grpcClient(address string) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	reply := empty()
	var before, after metadata.MD
	echo := metadata.AppendToOutgoingContext(ctx, "x-echo", "here")
	must(conn.Invoke(echo, "/kinds.Kinds/Double", number(21, "ä"), reply,
		grpc.Header(&before), grpc.Trailer(&after)))
	check("double", value(reply), 42)
	check("metadata", before.Get("x-echo"), []string{"here"})
	check("trailer", after.Get("x-after"), []string{"double"})

	counting(ctx, conn, 1000)
	counting(ctx, conn, 0)

	stream, err := conn.NewStream(ctx, clientStream, "/kinds.Kinds/Sum")
	must(err)
	for v := range 500 {
		must(stream.SendMsg(number(int64(v+1), "")))
	}
	must(stream.CloseSend())
	must(stream.RecvMsg(reply))
	check("sum", value(reply), 125250)
	check("note of the sum", note(reply), "500 numbers")

	conversation(ctx, conn)
	failures(ctx, conn)
	givingUp(ctx, conn)
	fmt.Printf("grpc-go client: %d checks\n", checks)
}

func counting(ctx context.Context, conn *grpc.ClientConn, most int64) {
	stream, err := conn.NewStream(ctx, serverStream, "/kinds.Kinds/Count")
	must(err)
	must(stream.SendMsg(number(most, "")))
	must(stream.CloseSend())
	for v := range most {
		reply := empty()
		must(stream.RecvMsg(reply))
		check("count", value(reply), v+1)
	}
	check("end of the count", stream.RecvMsg(empty()), io.EOF)
}

// One at a time: the next number is sent after the previous sum was received.
func conversation(ctx context.Context, conn *grpc.ClientConn) {
	stream, err := conn.NewStream(ctx, bothStream, "/kinds.Kinds/Sums")
	must(err)
	sum := int64(0)
	for v := range int64(50) {
		must(stream.SendMsg(number(v, "")))
		sum += v
		reply := empty()
		must(stream.RecvMsg(reply))
		check("sums", value(reply), sum)
	}
	must(stream.CloseSend())
	check("end of the sums", stream.RecvMsg(empty()), io.EOF)
	check("trailer of a stream", stream.Trailer().Get("x-after"), []string{"sums"})

	stream, err = conn.NewStream(ctx, bothStream, "/kinds.Kinds/Sums")
	must(err)
	must(stream.SendMsg(number(1, "")))
	must(stream.RecvMsg(empty()))
	must(stream.SendMsg(number(-3, "")))
	err = stream.RecvMsg(empty())
	check("error in mid-stream", status.Code(err), codes.OutOfRange)
	check("its message", status.Convert(err).Message(), "-3 is negative")
}

func failures(ctx context.Context, conn *grpc.ClientConn) {
	for code := int64(1); code <= 16; code++ {
		err := conn.Invoke(ctx, "/kinds.Kinds/Fail", number(code, "n"), empty())
		check("code", int64(status.Code(err)), code)
		check("message", status.Convert(err).Message(), "asked to fail: ä %")
		detail := status.Convert(err).Proto().Details[0]
		check("detail", detail.TypeUrl, "type.googleapis.com/kinds.Number")
	}
	err := conn.Invoke(ctx, "/kinds.Kinds/Double", number(1, ""), empty(),
		grpc.UseCompressor(gzip.Name))
	if code := status.Code(err); code != codes.OK && code != codes.Unimplemented {
		panic(fmt.Sprintf("a compressed request: %v", err))
	}
}

func givingUp(ctx context.Context, conn *grpc.ClientConn) {
	reply := empty()
	must(conn.Invoke(ctx, "/kinds.Kinds/GivenUp", number(0, ""), reply))
	before := value(reply)
	own, cancel := context.WithCancel(ctx)
	stream, err := conn.NewStream(own, serverStream, "/kinds.Kinds/Count")
	must(err)
	must(stream.SendMsg(number(-1, "")))
	must(stream.CloseSend())
	must(stream.RecvMsg(empty()))
	cancel()
	for value(reply) == before && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
		must(conn.Invoke(ctx, "/kinds.Kinds/GivenUp", number(0, ""), reply))
	}
	check("given up", value(reply), before+1)
}

var given atomic.Int64

func grpcServer() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	server := grpc.NewServer()
	unary := func(name string, answer func(context.Context, *dynamicpb.Message) (*dynamicpb.Message, error)) grpc.MethodDesc {
		return grpc.MethodDesc{MethodName: name, Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			request := empty()
			if err := decode(request); err != nil {
				return nil, err
			}
			return answer(ctx, request)
		}}
	}
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "kinds.Kinds",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			unary("Double", double), unary("Fail", fail), unary("GivenUp", givenUp),
		},
		Streams: []grpc.StreamDesc{
			{StreamName: "Count", Handler: count, ServerStreams: true},
			{StreamName: "Sum", Handler: sum, ClientStreams: true},
			{StreamName: "Sums", Handler: sums, ServerStreams: true, ClientStreams: true},
		},
	}, nil)
	fmt.Printf("listening %s\n", listener.Addr())
	must(server.Serve(listener))
}

func double(ctx context.Context, request *dynamicpb.Message) (*dynamicpb.Message, error) {
	incoming, _ := metadata.FromIncomingContext(ctx)
	if echo := incoming.Get("x-echo"); len(echo) > 0 {
		must(grpc.SetHeader(ctx, metadata.Pairs("x-echo", echo[0])))
	}
	must(grpc.SetTrailer(ctx, metadata.Pairs("x-after", "double")))
	return number(value(request)*2, note(request)), nil
}

func fail(_ context.Context, request *dynamicpb.Message) (*dynamicpb.Message, error) {
	return nil, failure(codes.Code(value(request)), "asked to fail: ä %", request)
}

func failure(code codes.Code, message string, detail *dynamicpb.Message) error {
	made, err := status.New(code, message).WithDetails(protoadapt.MessageV1Of(detail))
	must(err)
	return made.Err()
}

func givenUp(context.Context, *dynamicpb.Message) (*dynamicpb.Message, error) {
	return number(given.Load(), ""), nil
}

func count(_ any, stream grpc.ServerStream) error {
	request := empty()
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	most := value(request)
	for v := int64(1); most < 0 || v <= most; v++ {
		if err := stream.SendMsg(number(v, "")); err != nil {
			if most < 0 {
				given.Add(1)
			}
			return err
		}
	}
	return nil
}

func sum(_ any, stream grpc.ServerStream) error {
	total, seen := int64(0), 0
	for {
		request := empty()
		err := stream.RecvMsg(request)
		if errors.Is(err, io.EOF) {
			return stream.SendMsg(number(total, fmt.Sprintf("%d numbers", seen)))
		}
		if err != nil {
			return err
		}
		total += value(request)
		seen++
	}
}

func sums(_ any, stream grpc.ServerStream) error {
	stream.SetTrailer(metadata.Pairs("x-after", "sums"))
	total := int64(0)
	for {
		request := empty()
		err := stream.RecvMsg(request)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if value(request) < 0 {
			return failure(codes.OutOfRange, fmt.Sprintf("%d is negative", value(request)), request)
		}
		total += value(request)
		if err := stream.SendMsg(number(total, "")); err != nil {
			return err
		}
	}
}
