package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Users of the API server. All are administrators; the names tell them apart in the audit log.
const (
	adminUser     = "devcluster-admin"
	managerUser   = "system:kube-controller-manager"
	schedulerUser = "system:kube-scheduler"
	nodeUser      = "system:node:devcluster"
)

const (
	// keyLife is how long certificates are valid: a kept data directory has no renewal.
	keyLife = 10 * 365 * 24 * time.Hour
	// keySkew allows for clocks that run behind.
	keySkew = time.Hour
	// tokenBytes gives tokens of 256 bits.
	tokenBytes = 32
)

// keys are the secrets of one data directory. They are made once, so that a kept cluster keeps its
// clients.
type keys struct {
	ca             []byte
	caFile         string
	certFile       string
	keyFile        string
	serviceAccount string
	tokenFile      string
	tokens         map[string]string
}

// loadKeys reads the keys in a directory, or makes them.
func loadKeys(dir string) (*keys, error) {
	k := &keys{
		caFile:         filepath.Join(dir, "ca.crt"),
		certFile:       filepath.Join(dir, "apiserver.crt"),
		keyFile:        filepath.Join(dir, "apiserver.key"),
		serviceAccount: filepath.Join(dir, "service-account.key"),
		tokenFile:      filepath.Join(dir, "tokens.csv"),
	}
	// The tokens are written last: where they are, everything is.
	if !exists(k.tokenFile) {
		if err := k.generate(); err != nil {
			return nil, fmt.Errorf("cannot make the keys in %s: %w", dir, err)
		}
	}
	var err error
	if k.ca, err = os.ReadFile(k.caFile); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(k.tokenFile)
	if err != nil {
		return nil, err
	}
	k.tokens = map[string]string{}
	for line := range strings.Lines(string(content)) {
		if token, rest, ok := strings.Cut(line, ","); ok {
			user, _, _ := strings.Cut(rest, ",")
			k.tokens[user] = token
		}
	}
	return k, nil
}

func (k *keys) generate() error {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	// Strict clients refuse an authority without key usage.
	authority := template("devcluster-ca")
	authority.IsCA = true
	authority.BasicConstraintsValid = true
	authority.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	if err := sign(authority, authority, authorityKey, authorityKey, k.caFile, ""); err != nil {
		return err
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	server := template("kube-apiserver")
	server.KeyUsage = x509.KeyUsageDigitalSignature
	server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1)}
	server.DNSNames = []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"}
	if err := sign(server, authority, serverKey, authorityKey, k.certFile, k.keyFile); err != nil {
		return err
	}
	accountKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if err := writeKey(k.serviceAccount, accountKey); err != nil {
		return err
	}
	return writeWhole(k.tokenFile, []byte(tokenLines(adminUser, managerUser, schedulerUser, nodeUser)))
}

// tokenLines gives each user a random token and the administrators' group.
func tokenLines(users ...string) string {
	var lines strings.Builder
	for _, user := range users {
		token := make([]byte, tokenBytes)
		rand.Read(token) // never fails: it ends the process where the system has no randomness
		fmt.Fprintf(&lines, "%s,%s,%s,system:masters\n", hex.EncodeToString(token), user, user)
	}
	return lines.String()
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-keySkew),
		NotAfter:     now.Add(keyLife),
	}
}

func sign(cert, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey, certFile, keyFile string) error {
	raw, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
	if err != nil {
		return err
	}
	if err := writeWhole(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})); err != nil {
		return err
	}
	if keyFile == "" {
		return nil // the authority signs once; its key is forgotten
	}
	return writeKey(keyFile, key)
}

func writeKey(path string, key *ecdsa.PrivateKey) error {
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writeWhole(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw}))
}
