// Asks as BuildKit's client does for the login of a registry (session/auth/authprovider, which buildx and
// `docker build` have in them) and prints the user name, empty for an anonymous pull. The daemon's half, which
// pulls, is not here: it does with the answer what any registry client does.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/docker/cli/cli/config"
	"github.com/moby/buildkit/session/auth"
	"github.com/moby/buildkit/session/auth/authprovider"
)

func main() {
	file, err := config.Load(config.Dir())
	if err != nil {
		fail(err)
	}
	provider := authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: authprovider.LoadAuthConfig(file),
	}).(auth.AuthServer)
	answer, err := provider.Credentials(context.Background(), &auth.CredentialsRequest{Host: os.Args[1]})
	if err != nil {
		fail(err)
	}
	fmt.Printf("username=%s\n", answer.Username)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
