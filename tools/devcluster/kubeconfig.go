package main

import (
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

const contextName = "devcluster"

// kubeconfig writes the login of one user. It carries the authority's certificate, so every client
// verifies the server.
func kubeconfig(k *keys, address, user string) ([]byte, error) {
	config := api.NewConfig()
	config.Clusters[contextName] = &api.Cluster{Server: address, CertificateAuthorityData: k.ca}
	config.AuthInfos[user] = &api.AuthInfo{Token: k.tokens[user]}
	config.Contexts[contextName] = &api.Context{Cluster: contextName, AuthInfo: user}
	config.CurrentContext = contextName
	return clientcmd.Write(*config)
}

// newClient makes a client without a brake of its own: a development cluster is as fast as its machine.
func newClient(k *keys, address, user string) (kubernetes.Interface, error) {
	return kubernetes.NewForConfig(&rest.Config{
		Host:            address,
		BearerToken:     k.tokens[user],
		TLSClientConfig: rest.TLSClientConfig{CAData: k.ca},
		QPS:             -1,
		// The field manager of status writes is taken from here; on other clusters they are the kubelet's.
		UserAgent: "kubelet/devcluster",
	})
}
