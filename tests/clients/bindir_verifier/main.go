// Asks as containerd does, with its own package, whether an image may be pulled: bin_dir, name, digest and, where
// it is another than containerd's 10 s, the time for a verifier. Prints the judgement; exits 0 allowed, 1 blocked,
// 3 where a verifier could not be called, which blocks too.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	config := bindir.Config{BinDir: os.Args[1], MaxVerifiers: 10}
	timeout := "10s"
	if len(os.Args) > 4 {
		timeout = os.Args[4]
	}
	if err := config.PerVerifierTimeout.UnmarshalText([]byte(timeout)); err != nil {
		fail(err)
	}
	descriptor := ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest,
		Digest:    digest.Digest(os.Args[3]),
		Size:      1234,
	}
	started := time.Now()
	judgement, err := bindir.NewImageVerifier(&config).VerifyImage(context.Background(), os.Args[2], descriptor)
	fmt.Fprintf(os.Stderr, "after %.1f s\n", time.Since(started).Seconds())
	if err != nil {
		fail(err)
	}
	fmt.Printf("ok=%v reason=%s\n", judgement.OK, judgement.Reason)
	if !judgement.OK {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Println(err)
	os.Exit(3)
}
