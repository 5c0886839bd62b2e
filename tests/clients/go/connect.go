package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/net/http2"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Each protocol that connect-go supports, with protobuf and JSON.
func connectClient(address string) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*patience)
	defer cancel()
	one := &http.Client{}
	two := &http.Client{Transport: &http2.Transport{
		AllowHTTP: true,
		DialTLSContext: func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, addr)
		},
	}}
	url := "http://" + address
	for _, codec := range []connect.ClientOption{nil, connect.WithProtoJSON()} {
		connectKinds(ctx, one, url, false, options(codec)...)
		connectKinds(ctx, one, url, false, options(codec, connect.WithGRPCWeb())...)
		connectKinds(ctx, two, url, true, options(codec)...)
		connectKinds(ctx, two, url, true, options(codec, connect.WithGRPC())...)
		connectKinds(ctx, two, url, false, options(codec, connect.WithGRPCWeb())...)
	}
	connectKinds(ctx, one, url, false, connect.WithHTTPGet())
	fmt.Printf("connect-go client: %d checks\n", checks)
}

func options(all ...connect.ClientOption) []connect.ClientOption {
	var some []connect.ClientOption
	for _, option := range all {
		if option != nil {
			some = append(some, option)
		}
	}
	return some
}

func client(http *http.Client, url, method string, options []connect.ClientOption) *connect.Client[dynamicpb.Message, dynamicpb.Message] {
	desc := serviceDesc.Methods().ByName(protoreflect.Name(method))
	all := append([]connect.ClientOption{
		connect.WithSchema(desc),
		connect.WithIdempotency(idempotency(method)),
		connect.WithResponseInitializer(func(_ connect.Spec, message any) error {
			if number, ok := message.(*dynamicpb.Message); ok {
				*number = *empty()
			}
			return nil
		}),
	}, options...)
	return connect.NewClient[dynamicpb.Message, dynamicpb.Message](http, url+"/kinds.Kinds/"+method, all...)
}

func idempotency(method string) connect.IdempotencyLevel {
	if method == "Double" {
		return connect.IdempotencyNoSideEffects
	}
	return connect.IdempotencyUnknown
}

func connectKinds(ctx context.Context, http *http.Client, url string, full bool, options ...connect.ClientOption) {
	request := connect.NewRequest(number(21, "ä"))
	request.Header().Set("x-echo", "here")
	reply, err := client(http, url, "Double", options).CallUnary(ctx, request)
	must(err)
	check("double", value(reply.Msg), 42)
	check("metadata", reply.Header().Get("x-echo"), "here")
	check("trailer", reply.Trailer().Get("x-after"), "double")

	counted, err := client(http, url, "Count", options).CallServerStream(ctx, connect.NewRequest(number(300, "")))
	must(err)
	seen := int64(0)
	for counted.Receive() {
		seen++
		check("count", value(counted.Msg()), seen)
	}
	must(counted.Err())
	check("end of the count", seen, 300)

	for code := int64(1); code <= 16; code++ {
		_, err := client(http, url, "Fail", options).CallUnary(ctx, connect.NewRequest(number(code, "n")))
		var failed *connect.Error
		check("is an error", errors.As(err, &failed), true)
		check("code", int64(failed.Code()), code)
		check("message", failed.Message(), "asked to fail: ä %")
		check("detail", failed.Details()[0].Type(), "kinds.Number")
	}

	upload := client(http, url, "Sum", options).CallClientStream(ctx)
	for v := range 100 {
		must(upload.Send(number(int64(v+1), "")))
	}
	reply, err = upload.CloseAndReceive()
	must(err)
	check("sum", value(reply.Msg), 5050)

	if full {
		talk(ctx, client(http, url, "Sums", options))
	}
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	endless, err := client(http, url, "Count", options).CallServerStream(short, connect.NewRequest(number(-1, "")))
	for err == nil && endless.Receive() {
	}
	if err == nil {
		err = endless.Err()
	}
	check("deadline", connect.CodeOf(err), connect.CodeDeadlineExceeded)
}

func talk(ctx context.Context, sums *connect.Client[dynamicpb.Message, dynamicpb.Message]) {
	stream := sums.CallBidiStream(ctx)
	total := int64(0)
	for v := range int64(50) {
		must(stream.Send(number(v, "")))
		total += v
		reply, err := stream.Receive()
		must(err)
		check("sums", value(reply), total)
	}
	must(stream.CloseRequest())
	_, err := stream.Receive()
	check("end of the sums", errors.Is(err, io.EOF), true)
	check("trailer of a stream", stream.ResponseTrailer().Get("x-after"), "sums")
	must(stream.CloseResponse())

	stream = sums.CallBidiStream(ctx)
	must(stream.Send(number(1, "")))
	_, err = stream.Receive()
	must(err)
	must(stream.Send(number(-3, "")))
	_, err = stream.Receive()
	check("error in mid-stream", connect.CodeOf(err), connect.CodeOutOfRange)
	must(stream.CloseResponse())
}
