package keyless

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/slipway-build/slipway/internal/annex"
	"github.com/slipway-build/slipway/internal/diag"
)

// used are the services that sign.
type used struct {
	fulcio     string
	logs       []sign.Transparency
	timestamps []*sign.TimestampAuthority
	addresses  []string // of logs and timestamps
}

// services chooses from a configuration what is valid at a time, and lays addresses over it.
func services(s annex.Services, now time.Time) (used, error) {
	var u used
	var rekor, timestamp []root.Service
	if len(s.Config) > 0 {
		config, err := root.NewSigningConfigFromJSON(s.Config)
		if err != nil {
			return u, diag.Fail(diag.ExitUsage, "the signing configuration cannot be read").Because(err).
				WithHint("give the file that the operators of your Sigstore publish, such as signing_config.v0.2.json of their TUF repository")
		}
		if fulcio, err := root.SelectService(config.FulcioCertificateAuthorityURLs(), sign.FulcioAPIVersions, now); err == nil {
			u.fulcio = fulcio.URL
		}
		if all := config.RekorLogURLs(); len(all) > 0 {
			rekor, err = root.SelectServices(all, config.RekorLogURLsConfig(), sign.RekorAPIVersions, now)
		}
		if all := config.TimestampAuthorityURLs(); err == nil && len(all) > 0 {
			timestamp, err = root.SelectServices(all, config.TimestampAuthorityURLsConfig(), sign.TimestampAuthorityAPIVersions, now)
		}
		if err != nil {
			return u, diag.Fail(diag.ExitUsage, "the signing configuration has no service that can be used now").Because(err).
				WithHint("get its current version from the operators of your Sigstore")
		}
	}
	if s.Fulcio != "" {
		u.fulcio = s.Fulcio
	}
	if s.Rekor != "" {
		rekor = []root.Service{{URL: s.Rekor, MajorAPIVersion: 1}}
	}
	if s.Timestamp != "" {
		timestamp = []root.Service{{URL: s.Timestamp}}
	}
	if u.fulcio == "" {
		return u, diag.Fail(diag.ExitUsage, "keyless signing requires the address of Fulcio, and none is set").
			WithHint("add --fulcio-url or --signing-config FILE, or set SLIPWAY_FULCIO_URL or SLIPWAY_SIGNING_CONFIG")
	}
	if len(rekor)+len(timestamp) == 0 {
		return u, diag.Fail(diag.ExitUsage, "keyless signing requires the address of Rekor or of a timestamp authority, and none is set").
			WithHint("add --rekor-url, --timestamp-url or --signing-config FILE, or set SLIPWAY_REKOR_URL, SLIPWAY_TIMESTAMP_URL or SLIPWAY_SIGNING_CONFIG")
	}
	for _, r := range rekor {
		u.logs = append(u.logs, sign.NewRekor(&sign.RekorOptions{BaseURL: r.URL, Version: r.MajorAPIVersion, Retries: 2}))
		u.addresses = append(u.addresses, r.URL)
	}
	for _, t := range timestamp {
		u.timestamps = append(u.timestamps, sign.NewTimestampAuthority(&sign.TimestampAuthorityOptions{URL: t.URL, Retries: 2}))
		u.addresses = append(u.addresses, t.URL)
	}
	for _, address := range append([]string{u.fulcio}, u.addresses...) {
		if err := private(address); err != nil {
			return u, err
		}
	}
	return u, nil
}

// private refuses addresses over which others read along: a token lets them sign.
func private(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return diag.Fail(diag.ExitUsage, "%q is not the address of a service", address).WithHint("write it as https://HOST")
	case u.User != nil:
		return diag.Fail(diag.ExitUsage, "the address of %s has a password, which services of Sigstore do not take", u.Host).WithHint("write it as https://HOST")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return diag.Fail(diag.ExitUsage, "%s is not encrypted: whoever reads along gets the identity token", address).WithHint("use its https address")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// maxToken bounds the answer that has a token, in bytes.
const maxToken = 64 << 10

// ambientToken asks GitHub Actions for a token for Sigstore.
func ambientToken(ctx context.Context, from *annex.Ambient) (string, error) {
	failed := func(err error) (string, error) {
		return "", diag.Fail(diag.ExitUnexpected, "GitHub Actions gave no identity token").Because(err).
			WithHint("check that the job has the permission id-token: write")
	}
	if from == nil || from.URL == "" || from.Token == "" {
		return "", diag.Fail(diag.ExitUsage, "keyless signing requires an identity token, and there is none").
			WithHint("set SIGSTORE_ID_TOKEN, add --identity-token FILE, or in GitHub Actions give the job the permission id-token: write")
	}
	address, err := url.Parse(from.URL)
	if err != nil {
		return failed(fmt.Errorf("the address in ACTIONS_ID_TOKEN_REQUEST_URL cannot be read")) // it may hold anything
	}
	if err := private(address.Scheme + "://" + address.Host); err != nil {
		return "", err
	}
	query := address.Query()
	query.Set("audience", "sigstore")
	address.RawQuery = query.Encode()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), http.NoBody)
	if err != nil {
		return failed(err)
	}
	request.Header.Set("Authorization", "Bearer "+from.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return failed(hiding(err, from.Token))
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxToken))
	if err != nil {
		return failed(err)
	}
	var answer struct {
		Value string `json:"value"`
	}
	if response.StatusCode != http.StatusOK || json.Unmarshal(data, &answer) != nil || answer.Value == "" {
		return failed(fmt.Errorf("it answered %s", response.Status))
	}
	return answer.Value, nil
}
