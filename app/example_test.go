package app_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"culvert/adapters/broker"
	"culvert/app"
)

// A program's test puts the bridge around the Watermill publisher and subscriber that it has anyway, and sees what a browser would see.
func Example() {
	ctx := context.Background()
	channel := gochannel.NewGoChannel(gochannel.Config{}, watermill.NopLogger{})

	pair, err := broker.NewPair(channel, channel, broker.DefaultConfig())
	if err != nil {
		panic(err)
	}
	bridge, err := app.New(app.OnFreePorts(), slog.New(slog.DiscardHandler), app.WithBroker(pair))
	if err != nil {
		panic(err)
	}
	if err := bridge.Start(ctx); err != nil {
		panic(err)
	}
	defer func() {
		if err := bridge.Stop(ctx); err != nil {
			panic(err)
		}
	}()

	stream, err := http.Get(bridge.URL() + "/v1/topics/orders/events")
	if err != nil {
		panic(err)
	}
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	for lines.Scan() && lines.Text() != "event: ready" {
	}

	// What the program publishes as it always does, the browser sees.
	if err := channel.Publish("orders", message.NewMessage("1", []byte("one coffee"))); err != nil {
		panic(err)
	}
	for lines.Scan() && lines.Text() != "data: one coffee" {
	}
	fmt.Println(strings.TrimPrefix(lines.Text(), "data: "))
	// Output: one coffee
}
