// Pulls an image as the kubelet does: the CRI's ImageService on containerd's socket, with a login in the request.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func main() {
	connection, err := grpc.NewClient("unix://"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fail(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	pulled, err := cri.NewImageServiceClient(connection).PullImage(ctx, &cri.PullImageRequest{
		Image: &cri.ImageSpec{Image: os.Args[2]},
		Auth:  &cri.AuthConfig{Username: "AWS", Password: os.Getenv("PASSWORD")},
	})
	if err != nil {
		fail(err)
	}
	fmt.Println(pulled.ImageRef)
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(1)
}
