// The vectors of tests/testkit, judged by notation-go: vectors CASES DIFFERENCES.
//
// DIFFERENCES has a line `CASE: NAME` for each case in which Notation says yes where this program says no, or the other
// way round; each of them must differ, and no other. AWS's plugin cannot be had where this runs: what answers here for
// it decides as its sources do (aws-signer-notation-plugin, internal/verifier/verifier.go). On 2026-11-29 the plugin
// itself, from those sources, decided every case as this does.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	"github.com/notaryproject/notation-plugin-framework-go/plugin"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type mgr struct{ h map[string][]string }

func (m mgr) List(context.Context) ([]string, error) { return nil, nil }
func (m mgr) Get(_ context.Context, name string) (plugin.Plugin, error) {
	if name == "com.amazonaws.signer.notation.plugin" {
		return plug{m.h, true}, nil
	}
	if p := m.h["plugin"]; p != nil {
		var md plugin.GetMetadataResponse
		json.Unmarshal([]byte(p[0]), &md)
		if md.Name != name {
			return nil, errors.New("no such plugin")
		}
		return plug{m.h, false}, nil
	}
	return nil, errors.New("no such plugin")
}

type plug struct {
	h   map[string][]string
	aws bool
}

func (p plug) GetMetadata(context.Context, *plugin.GetMetadataRequest) (*plugin.GetMetadataResponse, error) {
	var md plugin.GetMetadataResponse
	if p.aws {
		return &plugin.GetMetadataResponse{Name: "com.amazonaws.signer.notation.plugin", Description: "x", Version: "1.0.350", URL: "x", SupportedContractVersions: []string{"1.0"}, Capabilities: []plugin.Capability{plugin.CapabilityTrustedIdentityVerifier, plugin.CapabilityRevocationCheckVerifier}}, nil
	}
	if err := json.Unmarshal([]byte(p.h["plugin"][0]), &md); err != nil {
		return nil, err
	}
	// What Notation checks of a plugin that is a program.
	for _, version := range md.SupportedContractVersions {
		if version == "1.0" {
			return &md, nil
		}
	}
	return nil, errors.New("no version of the protocol in common")
}
func (p plug) VerifySignature(_ context.Context, req *plugin.VerifySignatureRequest) (*plugin.VerifySignatureResponse, error) {
	var r plugin.VerifySignatureResponse
	if !p.aws {
		err := json.Unmarshal([]byte(p.h["plugin-answer"][0]), &r)
		return &r, err
	}
	attr := req.Signature.CriticalAttributes.ExtendedAttributes
	if string(req.Signature.CriticalAttributes.SigningScheme) != "notary.x509.signingAuthority" {
		return nil, errors.New("scheme")
	}
	version, ok := attr["com.amazonaws.signer.signingProfileVersion"].(string)
	job, ok2 := attr["com.amazonaws.signer.signingJob"].(string)
	if !ok || !ok2 {
		return nil, errors.New("no version of a profile, or no job")
	}
	alias, _ := attr[aliasAttribute].(string)
	r.ProcessedAttributes = []interface{}{"com.amazonaws.signer.signingProfileVersion", "com.amazonaws.signer.signingJob"}
	if _, there := attr[aliasAttribute]; there {
		r.ProcessedAttributes = append(r.ProcessedAttributes, aliasAttribute)
	}
	r.VerificationResults = map[plugin.Capability]*plugin.VerificationResult{}
	for _, c := range req.TrustPolicy.SignatureVerification {
		ok := false
		if c == plugin.CapabilityTrustedIdentityVerifier {
			for _, id := range req.TrustPolicy.TrustedIdentities {
				if id == "*" {
					return nil, errors.New("wildcard")
				}
				ok = ok || isTrusted(id, version, alias)
			}
		} else {
			ok = len(p.h["unanswered"]) == 0
			for _, x := range p.h["revoked"] {
				if x == version || x == job || !strings.HasPrefix(x, "arn:") {
					ok = false
				}
			}
		}
		r.VerificationResults[c] = &plugin.VerificationResult{Success: ok, Reason: "x"}
	}
	return &r, nil
}

const aliasAttribute = "com.amazonaws.signer.signingProfileAlias"

// isTrusted says whether an identity of the policy is that of a signature.
func isTrusted(id, version, alias string) bool {
	profile := version[:max(0, strings.LastIndex(version, "/"))]
	switch slashes := strings.Count(id, "/"); {
	case strings.Contains(id, ":/aliases/"):
		return strings.EqualFold(id, alias)
	case strings.Contains(id, ":/signing-profiles/") && slashes == 2:
		return strings.EqualFold(id, profile)
	default:
		return strings.EqualFold(id, version)
	}
}

func (p plug) DescribeKey(context.Context, *plugin.DescribeKeyRequest) (*plugin.DescribeKeyResponse, error) {
	return nil, errors.New("no")
}
func (p plug) GenerateSignature(context.Context, *plugin.GenerateSignatureRequest) (*plugin.GenerateSignatureResponse, error) {
	return nil, errors.New("no")
}
func (p plug) GenerateEnvelope(context.Context, *plugin.GenerateEnvelopeRequest) (*plugin.GenerateEnvelopeResponse, error) {
	return nil, errors.New("no")
}

// The time of most cases: their certificates and signatures are valid now as they were then, until 2035.
const now = "2026-06-01T12:00:00Z"

// run judges a case: what is expected, what Notation says and why, and the case's time.
func run(path string) (want, got, reason, when string) {
	text, _ := os.ReadFile(path)
	parts := strings.SplitN(string(text), "\n\n", 2)
	h := map[string][]string{}
	for _, l := range strings.Split(parts[0], "\n") {
		kv := strings.SplitN(l, ": ", 2)
		h[kv[0]] = append(h[kv[0]], kv[1])
	}
	want = h["expect"][0]
	when = strings.Join(h["time"], "")
	var doc trustpolicy.Document
	if err := json.Unmarshal([]byte(h["policy"][0]), &doc); err != nil {
		return want, "malformed", err.Error(), when
	}
	if err := doc.Validate(); err != nil {
		return want, "malformed", err.Error(), when
	}
	if h["time"] == nil {
		return want, "wellformed", "", when
	}
	lines := strings.Split(parts[1], "\n")
	env := []byte(lines[0])
	if !strings.HasPrefix(lines[0], "{") {
		env, _ = base64.StdEncoding.DecodeString(lines[0])
	}
	root, _ := os.MkdirTemp("", "nn")
	defer os.RemoveAll(root)
	var cur string
	files := map[string]string{}
	in := false
	for _, l := range lines[1:] {
		if strings.HasPrefix(l, "-----BEGIN") {
			in = true
		}
		if in {
			files[cur] += l + "\n"
		} else if l != "" {
			cur = l
			files[cur] = ""
		}
		if strings.HasPrefix(l, "-----END") {
			in = false
		}
	}
	for k, v := range files {
		kn := strings.SplitN(k, ":", 2)
		d := filepath.Join(root, "truststore", "x509", kn[0], kn[1])
		os.MkdirAll(d, 0o755)
		if v != "" {
			os.WriteFile(filepath.Join(d, "a.pem"), []byte(v), 0o644)
		}
	}
	v, err := verifier.New(&doc, truststore.NewX509TrustStore(dir.NewSysFS(root)), mgr{h})
	if err != nil {
		return want, "malformed", err.Error(), when
	}
	img := strings.Split(h["image"][0], " ")
	size, _ := strconv.ParseInt(img[2], 10, 64)
	md := map[string]string{}
	for _, m := range h["metadata"] {
		kv := strings.SplitN(m, "=", 2)
		md[kv[0]] = kv[1]
	}
	ref := h["repository"][0] + "@" + img[1]
	ctx, c := context.WithTimeout(context.Background(), 20*time.Second)
	defer c()
	out, err := v.Verify(ctx, ocispec.Descriptor{MediaType: img[0], Digest: digest.Digest(img[1]), Size: size}, env, notation.VerifierVerifyOptions{ArtifactReference: ref, SignatureMediaType: h["envelope"][0], UserMetadata: md})
	if err != nil {
		return want, "refused", err.Error(), when
	}
	if out != nil && out.VerificationLevel != nil && out.VerificationLevel.Name == "skip" {
		return want, "skipped", "", when
	}
	return want, "verified", "", when
}

func main() {
	listed := map[string]bool{}
	text, err := os.ReadFile(os.Args[2])
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if name, _, found := strings.Cut(line, ": "); found && !strings.HasPrefix(line, "#") {
			listed[name] = true
		}
	}
	files, _ := filepath.Glob(filepath.Join(os.Args[1], "*"))
	sort.Strings(files)
	same, differ, otherTime, wrong := 0, 0, 0, 0
	for _, file := range files {
		name := filepath.Base(file)
		want, got, reason, time := run(file)
		if want != "verified" && want != "malformed" && want != "skipped" {
			want = "refused"
		}
		expected := listed[name]
		switch {
		case want == got && !expected:
			same++
		case want != got && expected:
			differ++
		case time != "" && time != now:
			otherTime++ // Notation has no other time than now
		default:
			wrong++
			fmt.Printf("FAILED  %s: %s here, %s by Notation (%.200s), and it is listed: %v\n", name, want, got, reason, expected)
		}
	}
	fmt.Printf("%d cases: %d alike, %d differ as listed, %d are of another time, %d are wrong\n", len(files), same, differ, otherTime, wrong)
	if wrong > 0 || same < 500 {
		os.Exit(1)
	}
}
