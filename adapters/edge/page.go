package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// Page is the header of a page of ours.
type Page struct {
	policy string
}

// NewPage is for a page that has one style and one script element. These run and no other, beside scripts from the sources that are named as in a Content-Security-Policy (W3C CSP Level 3 §2.3.1);
// the page may ask its own server and nobody else. It fails where one of the elements is missing.
func NewPage(text []byte, scripts ...string) (Page, error) {
	style, err := digest(text, "style")
	if err != nil {
		return Page{}, err
	}
	script, err := digest(text, "script")
	if err != nil {
		return Page{}, err
	}
	return Page{"default-src 'none'; connect-src 'self'; img-src data:; style-src " + style + "; script-src " + strings.Join(append([]string{script}, scripts...), " ") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}, nil
}

// digest is the hash by which a Content-Security-Policy lets a page's own element run.
func digest(text []byte, element string) (string, error) {
	_, rest, opened := bytes.Cut(text, []byte("<"+element))
	_, rest, headed := bytes.Cut(rest, []byte(">"))
	body, _, closed := bytes.Cut(rest, []byte("</"+element+">"))
	if !opened || !headed || !closed {
		return "", fmt.Errorf("the page has no %s element", element)
	}
	sum := sha256.Sum256(body)
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", nil
}

// Head sets the header of an answer that is the page.
func (p Page) Head(h http.Header) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
}
