// Command ledger-go checks what a ledger hands out with golang.org/x/mod alone: signed notes, RFC 6962 hashes, inclusion
// and consistency proofs. It reads one case per line of standard input and prints "accepted" or "rejected: why".
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type testCase struct {
	Kind    string `json:"kind"` // receipt, growth, bundle, cosigned
	Vkey    string `json:"vkey"`
	Data    []byte `json:"data"`
	Older   []byte `json:"older"`   // growth: the older checkpoint
	Witness string `json:"witness"` // cosigned: the vkey of the witness
}

// cosigner verifies C2SP cosignature/v1 as a note.Verifier: the signature begins with its time, which is signed, too.
type cosigner struct {
	name string
	id   uint32
	key  ed25519.PublicKey
}

func (c cosigner) Name() string    { return c.name }
func (c cosigner) KeyHash() uint32 { return c.id }

func (c cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(sig)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, msg)
	return ed25519.Verify(c.key, []byte(signed), sig[8:])
}

func newCosigner(vkey string) (cosigner, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return cosigner{}, errors.New("not a vkey")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return cosigner{}, errors.New("not a cosigner of Ed25519")
	}
	hash := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if hex.EncodeToString(hash[:4]) != parts[1] {
		return cosigner{}, errors.New("the key id is wrong")
	}
	return cosigner{parts[0], binary.BigEndian.Uint32(hash[:4]), key[1:]}, nil
}

// checkCosigned wants both signatures under one checkpoint: that of the log, and that of the witness.
func checkCosigned(c testCase) error {
	if _, err := openCheckpoint(c.Data, c.Vkey); err != nil {
		return err
	}
	witness, err := newCosigner(c.Witness)
	if err != nil {
		return err
	}
	_, err = note.Open(c.Data, note.VerifierList(witness))
	return err
}

type tree struct {
	origin string
	size   int64
	root   tlog.Hash
}

func openCheckpoint(text []byte, vkey string) (tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree{}, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tree{}, errors.New("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tree{lines[0], size, root}, err
}

// parts splits a proof into its head lines, from `from` on as hashes, and the note.
func parts(data []byte, from int) ([]string, []tlog.Hash, []byte, error) {
	head, signed, found := bytes.Cut(data, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || len(lines) < from {
		return nil, nil, nil, errors.New("not a proof")
	}
	var hashes []tlog.Hash
	for _, line := range lines[from:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return nil, nil, nil, err
		}
		hashes = append(hashes, hash)
	}
	return lines[:from], hashes, signed, nil
}

func leafOf(opening []byte) (string, error) {
	var entry struct {
		Leaf string `json:"leaf"`
	}
	err := json.Unmarshal(opening, &entry)
	return entry.Leaf, err
}

func checkReceipt(c testCase) error {
	head, path, signed, err := parts(c.Data, 3)
	if err != nil {
		return err
	}
	log, err := openCheckpoint(signed, c.Vkey)
	if err != nil {
		return err
	}
	opening, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(head[1], "extra "))
	if err != nil {
		return err
	}
	leaf, err := leafOf(opening)
	if err != nil {
		return err
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(head[2], "index "), 10, 64)
	if err != nil || head[0] != "c2sp.org/tlog-proof@v1" {
		return errors.New("not a tlog-proof")
	}
	return tlog.CheckRecord(path, log.size, log.root, index, tlog.RecordHash([]byte(leaf)))
}

func checkGrowth(c testCase) error {
	head, path, signed, err := parts(c.Data, 1)
	if err != nil {
		return err
	}
	newer, err := openCheckpoint(signed, c.Vkey)
	if err != nil {
		return err
	}
	older, err := openCheckpoint(c.Older, c.Vkey)
	if err != nil {
		return err
	}
	if head[0] != fmt.Sprintf("old %d", older.size) {
		return errors.New("a proof from another size")
	}
	return tlog.CheckTree(path, newer.size, newer.root, older.size, older.root)
}

type bundle struct {
	seqs   []int64
	hashes []tlog.Hash
	nodes  []tlog.Hash
}

func (b *bundle) add(leaf string) error {
	var entry struct {
		Seq int64 `json:"seq"`
	}
	if err := json.Unmarshal([]byte(leaf), &entry); err != nil {
		return err
	}
	if len(b.seqs) > 0 && entry.Seq <= b.seqs[len(b.seqs)-1] {
		return errors.New("entries out of order")
	}
	b.seqs = append(b.seqs, entry.Seq)
	b.hashes = append(b.hashes, tlog.RecordHash([]byte(leaf)))
	return nil
}

// root takes entries and nodes from the front, left to right.
func (b *bundle) root(start, end int64) (tlog.Hash, error) {
	if len(b.seqs) == 0 || b.seqs[0] >= end {
		if len(b.nodes) == 0 {
			return tlog.Hash{}, errors.New("the proof is too short")
		}
		node := b.nodes[0]
		b.nodes = b.nodes[1:]
		return node, nil
	}
	if end-start == 1 {
		hash := b.hashes[0]
		b.seqs, b.hashes = b.seqs[1:], b.hashes[1:]
		return hash, nil
	}
	split := int64(1)
	for split*2 < end-start {
		split *= 2
	}
	left, err := b.root(start, start+split)
	if err != nil {
		return left, err
	}
	right, err := b.root(start+split, end)
	return tlog.NodeHash(left, right), err
}

func checkBundle(c testCase) error {
	lines := bytes.Split(bytes.TrimSuffix(c.Data, []byte("\n")), []byte("\n"))
	if len(lines) < 2 {
		return errors.New("a bundle has a manifest and a proof")
	}
	var manifest struct{ Checkpoint string }
	var proof struct {
		Before, After *string
		Nodes         []tlog.Hash
	}
	if err := json.Unmarshal(lines[0], &manifest); err != nil {
		return err
	}
	if err := json.Unmarshal(lines[len(lines)-1], &proof); err != nil {
		return err
	}
	log, err := openCheckpoint([]byte(manifest.Checkpoint), c.Vkey)
	if err != nil {
		return err
	}
	b := bundle{nodes: proof.Nodes}
	leaves := []*string{proof.Before}
	for _, line := range lines[1 : len(lines)-1] {
		leaf, err := leafOf(line)
		if err != nil {
			return err
		}
		leaves = append(leaves, &leaf)
	}
	for _, leaf := range append(leaves, proof.After) {
		if leaf == nil {
			continue
		}
		if err := b.add(*leaf); err != nil {
			return err
		}
	}
	root, err := b.root(0, log.size)
	if err != nil {
		return err
	}
	if root != log.root || len(b.seqs)+len(b.nodes) > 0 {
		return errors.New("the proof does not lead to the signed root")
	}
	return nil
}

func main() {
	checks := map[string]func(testCase) error{"receipt": checkReceipt, "growth": checkGrowth, "bundle": checkBundle, "cosigned": checkCosigned}
	scanner := bufio.NewScanner(os.Stdin)
	scanner.Buffer(nil, 1<<26)
	for scanner.Scan() {
		var c testCase
		if err := json.Unmarshal(scanner.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		if err := checks[c.Kind](c); err != nil {
			fmt.Printf("rejected: %q\n", err)
		} else {
			fmt.Println("accepted")
		}
	}
}
