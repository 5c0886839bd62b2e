// A Go Micro program over its default broker: subscribes to "interop.ours" and publishes one event
// to "interop.theirs" for each event that it receives.
package main

import (
	"fmt"
	"os"
	"os/signal"

	"go-micro.dev/v5/broker"
	"go-micro.dev/v5/registry"
)

func main() {
	b := broker.NewBroker(broker.Registry(registry.NewRegistry()))
	if err := b.Init(); err != nil {
		panic(err)
	}
	if err := b.Connect(); err != nil {
		panic(err)
	}
	_, err := b.Subscribe("interop.ours", func(e broker.Event) error {
		message := e.Message()
		fmt.Printf("heard %s %s\n", message.Header["Content-Type"], message.Body)
		return b.Publish("interop.theirs", &broker.Message{
			Header: map[string]string{
				"Content-Type": "application/json",
				"Micro-Topic":  "interop.theirs",
				"Micro-ID":     "go-" + message.Header["Micro-ID"],
			},
			Body: message.Body,
		})
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("listening", b.Address())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
}
