package broker_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"

	"culvert/adapters/broker"
	"culvert/domain"
)

// Any Watermill publisher and subscriber make a broker; here it is a channel of one's own.
func ExampleNewPair() {
	channel := gochannel.NewGoChannel(gochannel.Config{BlockPublishUntilSubscriberAck: true}, watermill.NopLogger{})
	cfg := broker.DefaultConfig()
	cfg.ReceiptPosition = true // a channel gives back what is published to it
	pair, err := broker.NewPair(channel, channel, cfg)
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	defer pair.Close(ctx)

	var confirmed sync.WaitGroup
	confirmed.Add(1)
	quote := &domain.Message{Key: []byte("AAPL"), Payload: []byte(`{"bid":190.1}`)}
	pair.Publish(ctx, "quotes", []*domain.Message{quote}, func(_ int, ack domain.Ack, _ error) {
		fmt.Println("at offset", ack.Position.Offset)
		confirmed.Done()
	})
	confirmed.Wait()

	_, chunks, err := pair.Tail(ctx, "quotes", domain.StartEarliest())
	if err != nil {
		panic(err)
	}
	for chunk := range chunks {
		fmt.Printf("%s %s\n", chunk.Messages[0].Key, chunk.Messages[0].Payload)
		break
	}
	// Output:
	// at offset 0
	// AAPL {"bid":190.1}
}
