// A stand-in for AWS Signer's plugin of Notation, compiled as AWS's is, for benchmarks.
//
// It speaks Notation's plugin protocol (notaryproject/specifications, specs/plugin-extensibility.md) under the name
// of AWS's plugin and makes the calls that AWS's must make: SignPayload to sign, GetRevocationStatus to verify. It is
// no proof of how AWS's plugin behaves, nor of how long that takes: figures beside it say that it is a stand-in.
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	name           = "com.amazonaws.signer.notation.plugin"
	payloadType    = "application/vnd.cncf.notary.payload.v1+json"
	envelopeType   = "application/jose+json"
	scheme         = "notary.x509.signingAuthority"
	profileVersion = "com.amazonaws.signer.signingProfileVersion"
	job            = "com.amazonaws.signer.signingJob"
	identity       = "SIGNATURE_VERIFIER.TRUSTED_IDENTITY"
	revocation     = "SIGNATURE_VERIFIER.REVOCATION_CHECK"
	patience       = 20 * time.Second // for one call
	longestAnswer  = 48 << 20
)

type object = map[string]any

type request struct {
	KeyID                 string            `json:"keyId"`
	Payload               []byte            `json:"payload"`
	PayloadType           string            `json:"payloadType"`
	SignatureEnvelopeType string            `json:"signatureEnvelopeType"`
	ExpirySeconds         uint64            `json:"expiryDurationInSeconds"`
	PluginConfig          map[string]string `json:"pluginConfig"`
	Signature             struct {
		CriticalAttributes struct {
			SigningScheme        string            `json:"signingScheme"`
			AuthenticSigningTime string            `json:"authenticSigningTime"`
			ExtendedAttributes   map[string]string `json:"extendedAttributes"`
		} `json:"criticalAttributes"`
		CertificateChain [][]byte `json:"certificateChain"`
	} `json:"signature"`
	TrustPolicy struct {
		TrustedIdentities     []string `json:"trustedIdentities"`
		SignatureVerification []string `json:"signatureVerification"`
	} `json:"trustPolicy"`
}

func main() {
	commands := map[string]func(request) (object, error){
		"get-plugin-metadata": metadata, "generate-envelope": sign, "verify-signature": verify,
	}
	if len(os.Args) != 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: get-plugin-metadata | generate-envelope | verify-signature")
		os.Exit(1)
	}
	var asked request
	err := json.NewDecoder(os.Stdin).Decode(&asked)
	var answer object
	if err == nil {
		answer, err = commands[os.Args[1]](asked)
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		_ = json.NewEncoder(os.Stderr).Encode(object{"errorCode": "VALIDATION_ERROR", "errorMessage": err.Error()})
		os.Exit(1)
	}
}

func metadata(request) (object, error) {
	return object{
		"name": name, "description": "stand-in for the AWS Signer plugin for Notation", "version": "1.0.0",
		"url": "https://docs.aws.amazon.com/signer", "supportedContractVersions": []string{"1.0"},
		"capabilities": []string{"SIGNATURE_GENERATOR.ENVELOPE", identity, revocation},
	}, nil
}

func sign(asked request) (object, error) {
	if asked.SignatureEnvelopeType != envelopeType || asked.PayloadType != payloadType || asked.ExpirySeconds != 0 {
		return nil, fmt.Errorf("only envelopes of %s, whose expiry the profile sets", envelopeType)
	}
	// arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME
	arn := strings.SplitN(asked.KeyID, ":", 6)
	if len(arn) != 6 || !strings.HasPrefix(arn[5], "/signing-profiles/") {
		return nil, fmt.Errorf("%s is not the ARN of a signing profile", asked.KeyID)
	}
	body, err := json.Marshal(object{
		"profileName": strings.TrimPrefix(arn[5], "/signing-profiles/"), "profileOwner": arn[4],
		"payload": asked.Payload, "payloadFormat": asked.PayloadType,
	})
	if err != nil {
		return nil, err
	}
	var made struct {
		Signature []byte            `json:"signature"`
		Metadata  map[string]string `json:"metadata"`
	}
	if err := call("signer", asked, "POST", "/signing-jobs/with-payload", nil, body, &made); err != nil {
		return nil, err
	}
	return object{
		"signatureEnvelope": made.Signature, "signatureEnvelopeType": envelopeType, "annotations": made.Metadata,
	}, nil
}

func verify(asked request) (object, error) {
	attributes := asked.Signature.CriticalAttributes
	if attributes.SigningScheme != scheme || attributes.AuthenticSigningTime == "" {
		return nil, fmt.Errorf("only signatures of %s with an authentic signing time", scheme)
	}
	results := object{}
	for _, wanted := range asked.TrustPolicy.SignatureVerification {
		var reason string
		var good bool
		var err error
		switch wanted {
		case identity:
			good, reason = trusted(attributes.ExtendedAttributes[profileVersion], asked.TrustPolicy.TrustedIdentities)
		case revocation:
			good, reason, err = unrevoked(asked)
		default:
			err = fmt.Errorf("unknown capability %s", wanted)
		}
		if err != nil {
			return nil, err
		}
		results[wanted] = object{"success": good, "reason": reason}
	}
	return object{"verificationResults": results, "processedAttributes": []string{profileVersion, job}}, nil
}

// A profile's ARN stands for all its versions.
func trusted(version string, identities []string) (bool, string) {
	profile := version[:max(strings.LastIndex(version, "/"), 0)]
	for _, one := range identities {
		if one == version || one == profile {
			return true, fmt.Sprintf("Signature publisher matched %q trusted identity.", one)
		}
	}
	return false, "Signature publisher doesn't match any trusted identities."
}

func unrevoked(asked request) (bool, string, error) {
	attributes := asked.Signature.CriticalAttributes
	hashes := []string{}
	for _, der := range asked.Signature.CertificateChain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return false, "", err
		}
		hash := sha512.Sum384(certificate.RawTBSCertificate)
		hashes = append(hashes, hex.EncodeToString(hash[:]))
	}
	query := url.Values{
		"signatureTimestamp": {attributes.AuthenticSigningTime}, "platformId": {"Notation-OCI-SHA384-ECDSA"},
		"profileVersionArn": {attributes.ExtendedAttributes[profileVersion]}, "jobArn": {attributes.ExtendedAttributes[job]},
	}
	// Each certificate with its issuer; the root with itself.
	for place, hash := range hashes {
		query.Add("certificateHashes", hash+hashes[min(place+1, len(hashes)-1)])
	}
	var found struct {
		RevokedEntities []string `json:"revokedEntities"`
	}
	if err := call("data-signer", asked, "GET", "/revocations", query, nil, &found); err != nil {
		return false, "", err
	}
	if len(found.RevokedEntities) > 0 {
		return false, fmt.Sprintf("Resource(s) %s have been revoked.", strings.Join(found.RevokedEntities, ", ")), nil
	}
	return true, "Signature is not revoked.", nil
}

// call makes one call to AWS, with Signature Version 4.
func call(host string, asked request, method, path string, query url.Values, body []byte, answer any) error {
	region := asked.PluginConfig["aws-region"]
	if region == "" {
		region = os.Getenv("AWS_REGION")
	}
	host = fmt.Sprintf("%s.%s.amazonaws.com", host, region)
	now := time.Now().UTC().Format("20060102T150405Z")
	scope := fmt.Sprintf("%s/%s/signer/aws4_request", now[:8], region)
	canonical := []string{
		method, path, canonicalQuery(query), "host:" + host, "x-amz-date:" + now, "", "host;x-amz-date", digest(body),
	}
	toSign := []string{"AWS4-HMAC-SHA256", now, scope, digest([]byte(strings.Join(canonical, "\n")))}
	key := []byte("AWS4" + os.Getenv("AWS_SECRET_ACCESS_KEY"))
	for _, part := range append(strings.Split(scope, "/"), strings.Join(toSign, "\n")) {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	address := "https://" + host + path
	if len(query) > 0 {
		address += "?" + canonicalQuery(query)
	}
	sent, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	claim := "AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=host;x-amz-date, Signature=%x"
	sent.Header.Set("Authorization", fmt.Sprintf(claim, os.Getenv("AWS_ACCESS_KEY_ID"), scope, key))
	sent.Header.Set("X-Amz-Date", now)
	sent.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: patience}
	got, err := client.Do(sent)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, longestAnswer))
	if err != nil {
		return err
	}
	if got.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s answered %d: %.500s", method, path, got.StatusCode, text)
	}
	return json.Unmarshal(text, answer)
}

// canonicalQuery writes a query as AWS signs it: by name, then by value, a blank as %20.
func canonicalQuery(query url.Values) string {
	pairs := []string{}
	for name, values := range query {
		for _, value := range values {
			pairs = append(pairs, strings.ReplaceAll(url.QueryEscape(name)+"="+url.QueryEscape(value), "+", "%20"))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

func digest(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }
