package talos

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	nodeclass "github.com/karpenter-outscale/karpenter-provider-outscale/pkg/apis/v1alpha1"
)

// tokenLife is how long a token of one NodeClaim can be used: longer than Karpenter waits for a node to register, so
// that a node which may still join always can.
const tokenLife = time.Hour

// ErrNoKey means that the Secret is there and its key is not.
var ErrNoKey = errors.New("the Secret has no key")

// ErrForeignToken means that the Secret of a NodeClaim's bootstrap token exists and is somebody else's.
var ErrForeignToken = errors.New("the Secret exists and is not of this NodeClaim")

// ReadWorkerConfig reads the operator's worker config. The error names the Secret and the key.
func ReadWorkerConfig(ctx context.Context, kube client.Reader, ref nodeclass.SecretKeyReference) ([]byte, error) {
	var secret corev1.Secret
	if err := kube.Get(ctx, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}, &secret); err != nil {
		return nil, fmt.Errorf("reading the worker config from Secret %s/%s: %w", ref.Namespace, ref.Name, err)
	}
	content, ok := secret.Data[ref.Key]
	if !ok {
		return nil, fmt.Errorf("reading the worker config from Secret %s/%s: %w %q", ref.Namespace, ref.Name, ErrNoKey, ref.Key)
	}
	return content, nil
}

// BootstrapToken returns the token of one NodeClaim and makes it when it is not there. It is the same at each call,
// since a repetition of a launch must send the same bytes.
func BootstrapToken(ctx context.Context, reader client.Reader, writer client.Writer, claimUID types.UID, now time.Time) (string, error) {
	id := tokenID(claimUID)
	var secret corev1.Secret
	key := tokenKey(id)
	err := reader.Get(ctx, key, &secret)
	if apierrors.IsNotFound(err) {
		secret = tokenSecret(key, id, string(claimUID), now)
		err = writer.Create(ctx, &secret)
	}
	if err != nil {
		return "", fmt.Errorf("making the bootstrap token in Secret %s: %w", key, err)
	}
	if owner := string(secret.Data["description"]); owner != description(string(claimUID)) {
		return "", fmt.Errorf("making the bootstrap token in Secret %s: %w", key, ErrForeignToken)
	}
	return id + "." + string(secret.Data["token-secret"]), nil
}

// DeleteBootstrapToken deletes the token of one NodeClaim and reports whether there was one. A Secret of that name that is
// of somebody else stays.
func DeleteBootstrapToken(ctx context.Context, reader client.Reader, writer client.Writer, claimUID types.UID) (bool, error) {
	key := tokenKey(tokenID(claimUID))
	var secret corev1.Secret
	if err := reader.Get(ctx, key, &secret); err != nil {
		return false, client.IgnoreNotFound(fmt.Errorf("reading the bootstrap token in Secret %s: %w", key, err))
	}
	if string(secret.Data["description"]) != description(string(claimUID)) {
		return false, nil
	}
	if err := writer.Delete(ctx, &secret, client.Preconditions{UID: &secret.UID}); err != nil {
		return false, client.IgnoreNotFound(fmt.Errorf("deleting the bootstrap token in Secret %s: %w", key, err))
	}
	return true, nil
}

// tokenID names the token of a NodeClaim, so that it is found again without a memory of it.
func tokenID(claimUID types.UID) string {
	sum := sha256.Sum256([]byte(claimUID))
	return alphanumeric(sum[:])[:6]
}

func tokenKey(id string) types.NamespacedName {
	return types.NamespacedName{Namespace: metav1.NamespaceSystem, Name: "bootstrap-token-" + id}
}

func tokenSecret(key types.NamespacedName, id, claimUID string, now time.Time) corev1.Secret {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails since Go 1.24
	return corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name},
		Type:       corev1.SecretTypeBootstrapToken,
		Data: map[string][]byte{
			"description":                    []byte(description(claimUID)),
			"token-id":                       []byte(id),
			"token-secret":                   []byte(alphanumeric(random)[:16]),
			"expiration":                     []byte(now.Add(tokenLife).UTC().Format(time.RFC3339)),
			"usage-bootstrap-authentication": []byte("true"),
			"auth-extra-groups":              []byte("system:bootstrappers:nodes"),
		},
	}
}

// description is in the chart's admission policy too, which lets the controller delete no other token.
func description(claimUID string) string { return "Karpenter NodeClaim " + claimUID }

// alphanumeric spells bytes with the characters of a bootstrap token.
func alphanumeric(b []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}
