// For comparison: what the SQS calls alone cost through AWS's own SDK for Go. No routing; nothing is decoded.
//
// The same loop as bare.py. Now and then the SDK gives an answer to ReceiveMessage up half read and asks again. A queue
// shows such messages again after their visibility timeout; the stub has none, and the row fails: measure it once more.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

const pollers = 4

func main() {
	targets, err := strconv.Atoi(os.Args[1])
	check(err)
	var queues []string
	for _, name := range []string{"STANDARD", "HIGH", "CRITICAL"}[:targets] {
		queues = append(queues, os.Getenv(name+"_QUEUE_URL"))
	}
	ctx := context.Background()
	settings, err := config.LoadDefaultConfig(ctx)
	check(err)
	client := sqs.NewFromConfig(settings)
	var running sync.WaitGroup
	for range pollers {
		running.Add(1)
		go poll(ctx, client, os.Getenv("TURNOUT_SOURCE_QUEUE_URL"), queues)
	}
	running.Wait() // until killed
}

func poll(ctx context.Context, client *sqs.Client, source string, queues []string) {
	for {
		answer, err := client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
			QueueUrl:                    &source,
			MaxNumberOfMessages:         10,
			WaitTimeSeconds:             20,
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{types.MessageSystemAttributeNameAll},
		})
		check(err)
		if len(answer.Messages) == 0 {
			continue
		}
		entries := make([]types.SendMessageBatchRequestEntry, len(answer.Messages))
		handles := make([]types.DeleteMessageBatchRequestEntry, len(answer.Messages))
		for n, message := range answer.Messages {
			id := aws.String(strconv.Itoa(n))
			entries[n] = types.SendMessageBatchRequestEntry{Id: id, MessageBody: message.Body}
			handles[n] = types.DeleteMessageBatchRequestEntry{Id: id, ReceiptHandle: message.ReceiptHandle}
		}
		var sending sync.WaitGroup
		for _, queue := range queues {
			sending.Add(1)
			go func() {
				defer sending.Done()
				_, err := client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &queue, Entries: entries})
				check(err)
			}()
		}
		sending.Wait()
		_, err = client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &source, Entries: handles})
		check(err)
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
