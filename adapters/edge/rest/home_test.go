package rest

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"culvert/domain"
)

const acceptOfBrowsers = "text/html,application/xhtml+xml,*/*;q=0.8"

// page is what a browser gets at / and its header.
func page(t *testing.T, url string, header ...string) (text string, _ http.Header) {
	t.Helper()
	resp := send(t, "GET", url+"/", nil, append(header, "Accept", acceptOfBrowsers)...)
	all, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	return string(all), resp.Header
}

func TestTheFrontIsForPeopleAndPrograms(t *testing.T) {
	url := serve(t, &services{}, DefaultConfig(), domain.DefaultLimits())
	var front about
	if status, got := do(t, "GET", url+"/", ""); status != 200 || json.Unmarshal([]byte(got), &front) != nil || front.Name != "culvert" || len(front.Routes) == 0 {
		t.Errorf("%d %s", status, got)
	}
	if want := (links{Client: "/culvert.js", Types: "/culvert.d.ts", OpenAPI: "/openapi.yaml", AsyncAPI: "/asyncapi.yaml"}); front.Links != want {
		t.Errorf("links to %+v", front.Links)
	}
	text, header := page(t, url)
	if header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(header.Get("Vary"), "Accept") {
		t.Errorf("%v", header)
	}
	shown := html.UnescapeString(text)
	for _, route := range front.Routes {
		if !strings.Contains(shown, "<td><code>"+route.Path+"</code></td>") {
			t.Errorf("the page lacks %s", route.Path)
		}
	}
	for _, link := range []string{front.Links.Client, front.Links.Types, front.Links.OpenAPI, front.Links.AsyncAPI} {
		if !strings.Contains(text, `<a href="`+link+`">`) {
			t.Errorf("the page has no link to %s", link)
		}
	}
}

// What is copied from the page is to work where it is pasted, also where a proxy has ended TLS.
func TestThePageNamesTheOriginThatItWasReachedAt(t *testing.T) {
	url := serve(t, &services{}, DefaultConfig(), domain.DefaultLimits())
	for proto, origin := range map[string]string{"": url, "https": strings.Replace(url, "http:", "https:", 1), "gopher": url} {
		text, _ := page(t, url, "X-Forwarded-Proto", proto)
		shown := html.UnescapeString(text)
		for _, want := range []string{
			"import { view } from '" + origin + "/culvert.js'",
			"view('" + origin + "/v1/topics/hello/events')",
			"curl -N " + origin + "/v1/topics/hello/events\n",
			"curl -d 'Hello' " + origin + "/v1/topics/hello/messages<",
		} {
			if !strings.Contains(shown, want) {
				t.Errorf("by way of %q the page lacks %s", proto, want)
			}
		}
	}
}

func TestThePageKeepsItsPolicy(t *testing.T) {
	text, header := page(t, serve(t, &services{}, DefaultConfig(), domain.DefaultLimits()))
	policy := header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is %q", policy)
	}
	for what, wrong := range map[string]string{
		"a second script or style element":   `(?s)<script.*<script|<style.*<style`,
		"an inline style or handler":         `<[a-z][^>]*\s(style|on[a-z]+)=`,
		"something from somewhere else":      `(src|href)="(https?:)?//`,
		"markup made of what strangers sent": `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(`,
	} {
		if found := regexp.MustCompile(wrong).FindString(text); found != "" {
			t.Errorf("the page has %s: %.80q", what, found)
		}
	}
}

func TestTheGuides(t *testing.T) {
	for _, g := range guides {
		if _, err := os.Stat(filepath.Join("../../../docs", filepath.FromSlash(g.File))); err != nil {
			t.Errorf("the page names a guide that is not there: %v", err)
		}
	}
	text, _ := page(t, serve(t, &services{}, DefaultConfig(), domain.DefaultLimits()))
	if !strings.Contains(text, "<code>docs/queues.md</code>") {
		t.Error("the guides are not named")
	}
	cfg := DefaultConfig()
	cfg.Guides = "https://git.example.com/culvert/blob/main/docs/"
	url := serve(t, &services{}, cfg, domain.DefaultLimits())
	if text, _ = page(t, url); !strings.Contains(text, `<a href="https://git.example.com/culvert/blob/main/docs/queues.md">queues.md</a>`) {
		t.Error("the guides are not linked to")
	}
	if _, got := do(t, "GET", url+"/", ""); !strings.Contains(got, `"guides":"`+cfg.Guides+`"`) {
		t.Errorf("%s", got)
	}
}
