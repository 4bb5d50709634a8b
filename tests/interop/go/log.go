// Another implementation's word on notes, trees and tiles.
//
// Reads {"jobs": [...]} from standard input, one operation per job, and writes one
// answer per job: {"ok": value} or {"refused": reason}.  The work is done by
// golang.org/x/mod/sumdb/{note,tlog}; only the verifier of Ed25519 cosignatures, which
// that package leaves to its callers, stands here.
package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

type job struct {
	Op     string            `json:"op"`
	Text   string            `json:"text"`
	Keys   []string          `json:"keys"`
	Signer string            `json:"signer"`
	Leaves []string          `json:"leaves"` // hexadecimal
	Old    int64             `json:"old"`
	New    int64             `json:"new"`
	Index  int64             `json:"index"`
	Leaf   string            `json:"leaf"`
	Roots  []string          `json:"roots"` // base64
	Proof  []string          `json:"proof"` // base64
	Tiles  map[string]string `json:"tiles"` // path to hexadecimal
	Level  int               `json:"level"`
	Number int64             `json:"number"`
	Width  int               `json:"width"`
}

// cosigner verifies C2SP cosignature/v1: a time, and Ed25519 over time and text.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(text, signature []byte) bool {
	if len(signature) != 8+ed25519.SignatureSize {
		return false
	}
	time := binary.BigEndian.Uint64(signature)
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)
	return ed25519.Verify(c.key, []byte(message), signature[8:])
}

func verifier(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) == 3 {
		material, err := base64.StdEncoding.DecodeString(parts[2])
		if err == nil && len(material) == 33 && material[0] == 4 {
			sum := sha256.Sum256(append([]byte(parts[0]+"\n"), material...))
			hash := binary.BigEndian.Uint32(sum[:])
			return &cosigner{parts[0], hash, ed25519.PublicKey(material[1:])}, nil
		}
	}
	return note.NewVerifier(vkey)
}

func open(j job) (interface{}, error) {
	var known []note.Verifier
	for _, key := range j.Keys {
		one, err := verifier(key)
		if err != nil {
			return nil, err
		}
		known = append(known, one)
	}
	opened, err := note.Open([]byte(j.Text), note.VerifierList(known...))
	if err != nil {
		return nil, err
	}
	names := []string{}
	for _, signature := range opened.Sigs {
		names = append(names, signature.Name)
	}
	return map[string]interface{}{"text": opened.Text, "names": names}, nil
}

func sign(j job) (interface{}, error) {
	signer, err := note.NewSigner(j.Signer)
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: j.Text}, signer)
	return string(signed), err
}

type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, index := range indexes {
		if index >= int64(len(m)) {
			return nil, errors.New("no such hash")
		}
		found = append(found, m[index])
	}
	return found, nil
}

func hashes(texts []string) ([]tlog.Hash, error) {
	found := []tlog.Hash{}
	for _, text := range texts {
		one, err := tlog.ParseHash(text)
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

func grown(leaves []string) (memory, error) {
	var stored memory
	for number, leaf := range leaves {
		data, err := hex.DecodeString(leaf)
		if err != nil {
			return nil, err
		}
		more, err := tlog.StoredHashes(int64(number), data, stored)
		if err != nil {
			return nil, err
		}
		stored = append(stored, more...)
	}
	return stored, nil
}

// tree answers with all that Go says about a log of the leaves, from Old to New.
func tree(j job) (interface{}, error) {
	stored, err := grown(j.Leaves)
	if err != nil {
		return nil, err
	}
	root, err := tlog.TreeHash(j.New, stored)
	if err != nil {
		return nil, err
	}
	inclusion, err := tlog.ProveRecord(j.New, j.Index, stored)
	if err != nil {
		return nil, err
	}
	consistency, err := tlog.ProveTree(j.New, j.Old, stored)
	if err != nil {
		return nil, err
	}
	tiles := map[string]string{}
	for _, tile := range tlog.NewTiles(height, j.Old, j.New) {
		data, err := tlog.ReadTileData(tile, stored)
		if err != nil {
			return nil, err
		}
		tiles[strings.Replace(tile.Path(), "tile/8/", "tile/", 1)] = hex.EncodeToString(data)
	}
	return map[string]interface{}{
		"root": root, "inclusion": inclusion, "consistency": consistency, "tiles": tiles,
	}, nil
}

func checkRecord(j job) (interface{}, error) {
	roots, err := hashes(j.Roots)
	if err != nil {
		return nil, err
	}
	proof, err := hashes(j.Proof)
	if err != nil {
		return nil, err
	}
	leaf, err := hex.DecodeString(j.Leaf)
	if err != nil {
		return nil, err
	}
	return true, tlog.CheckRecord(proof, j.New, roots[0], j.Index, tlog.RecordHash(leaf))
}

func checkTree(j job) (interface{}, error) {
	roots, err := hashes(j.Roots)
	if err != nil {
		return nil, err
	}
	proof, err := hashes(j.Proof)
	if err != nil {
		return nil, err
	}
	return true, tlog.CheckTree(proof, j.New, roots[1], j.Old, roots[0])
}

type served map[string]string

func (s served) Height() int                             { return height }
func (s served) SaveTiles(tiles []tlog.Tile, _ [][]byte) {}
func (s served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := hex.DecodeString(s[path])
		if err != nil || len(data) != tile.W*tlog.HashSize {
			return nil, errors.New("no such tile: " + path)
		}
		found = append(found, data)
	}
	return found, nil
}

// fromTiles proves a record with nothing but our tiles and our root.
func fromTiles(j job) (interface{}, error) {
	roots, err := hashes(j.Roots)
	if err != nil {
		return nil, err
	}
	reader := tlog.TileHashReader(tlog.Tree{N: j.New, Hash: roots[0]}, served(j.Tiles))
	proof, err := tlog.ProveRecord(j.New, j.Index, reader)
	return proof, err
}

func tilePath(j job) (interface{}, error) {
	tile := tlog.Tile{H: height, L: j.Level, N: j.Number, W: j.Width}
	return strings.Replace(tile.Path(), "tile/8/", "tile/", 1), nil
}

func parsePath(j job) (interface{}, error) {
	tile, err := tlog.ParseTilePath(strings.Replace(j.Text, "tile/", "tile/8/", 1))
	return []int64{int64(tile.L), tile.N, int64(tile.W)}, err
}

func parseTree(j job) (interface{}, error) {
	tree, err := tlog.ParseTree([]byte(j.Text))
	return map[string]interface{}{"size": tree.N, "root": tree.Hash}, err
}

func main() {
	operations := map[string]func(job) (interface{}, error){
		"open": open, "sign": sign, "tree": tree, "check record": checkRecord,
		"check tree": checkTree, "from tiles": fromTiles, "tile path": tilePath,
		"parse path": parsePath, "parse tree": parseTree,
	}
	var asked struct{ Jobs []job }
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	answers := []map[string]interface{}{}
	for _, one := range asked.Jobs {
		value, err := operations[one.Op](one)
		if err != nil {
			answers = append(answers, map[string]interface{}{"refused": err.Error()})
		} else {
			answers = append(answers, map[string]interface{}{"ok": value})
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		os.Exit(1)
	}
}
