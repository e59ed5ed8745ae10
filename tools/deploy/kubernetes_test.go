package deploy

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"sigs.k8s.io/json"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// cluster is what kustomize makes of deploy/kubernetes/example, by kind.
type cluster struct {
	deployments []appsv1.Deployment
	jobs        []batchv1.Job
	services    []corev1.Service
	configMaps  []corev1.ConfigMap
	secrets     []corev1.Secret
	policies    []networkingv1.NetworkPolicy
	budgets     []policyv1.PodDisruptionBudget
}

// pods are the templates of all that runs, by name.
func (c cluster) pods() map[string]corev1.PodTemplateSpec {
	all := map[string]corev1.PodTemplateSpec{}
	for _, d := range c.deployments {
		all[d.Name] = d.Spec.Template
	}
	for _, j := range c.jobs {
		all[j.Name] = j.Spec.Template
	}
	return all
}

// install makes of the example what its comment says, in a copy, and builds it. A
// property that Kubernetes does not know fails the test.
func install(t *testing.T) cluster {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "deploy", "kubernetes"))); err != nil {
		t.Fatal(err)
	}
	example := filepath.Join(dir, "example")
	product(t, "init", "--dir", example, "--vendors", "real", "--public-url", "https://kyc.example.com")
	store := "YANZHEN_STORE=postgres://yanzhen:0123456789abcdef0123456789abcdef@postgres.example:5432/yanzhen?sslmode=verify-full\n"
	if err := os.WriteFile(filepath.Join(example, "store.env"), []byte(store), 0o600); err != nil {
		t.Fatal(err)
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), example)
	if err != nil {
		t.Fatal(err)
	}
	var c cluster
	for _, r := range built.Resources() {
		text, err := r.AsYAML()
		if err != nil {
			t.Fatal(err)
		}
		if r.GetNamespace() != "yanzhen" {
			t.Errorf("%s %s is in namespace %q", r.GetKind(), r.GetName(), r.GetNamespace())
		}
		switch r.GetKind() {
		case "Deployment":
			c.deployments = append(c.deployments, decode[appsv1.Deployment](t, text))
		case "Job":
			c.jobs = append(c.jobs, decode[batchv1.Job](t, text))
		case "Service":
			c.services = append(c.services, decode[corev1.Service](t, text))
		case "ConfigMap":
			c.configMaps = append(c.configMaps, decode[corev1.ConfigMap](t, text))
		case "Secret":
			c.secrets = append(c.secrets, decode[corev1.Secret](t, text))
		case "NetworkPolicy":
			c.policies = append(c.policies, decode[networkingv1.NetworkPolicy](t, text))
		case "PodDisruptionBudget":
			c.budgets = append(c.budgets, decode[policyv1.PodDisruptionBudget](t, text))
		default:
			t.Errorf("%s %s: a kind that nothing here checks", r.GetKind(), r.GetName())
		}
	}
	if len(c.deployments) != 2 || len(c.jobs) != 1 || len(c.services) != 1 || len(c.budgets) != 2 || len(c.secrets) != 3 {
		t.Fatalf("%d deployments, %d jobs, %d services, %d budgets, %d secrets", len(c.deployments), len(c.jobs), len(c.services), len(c.budgets), len(c.secrets))
	}
	return c
}

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var one T
	asJSON, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := json.UnmarshalStrict(asJSON, &one) // as the cluster's server does: cases differ, too
	if err != nil || len(unknown) > 0 {
		t.Errorf("%v %v in\n%s", err, unknown, text)
	}
	return one
}

func TestKubernetesContainersAreConfinedAndBounded(t *testing.T) {
	for name, pod := range install(t).pods() {
		s := pod.Spec
		if len(s.Containers) != 1 {
			t.Fatalf("%s: %d containers", name, len(s.Containers))
		}
		c := s.Containers[0]
		switch p, own := s.SecurityContext, c.SecurityContext; {
		case p == nil || own == nil:
			t.Errorf("%s: no security context", name)
		case p.RunAsNonRoot == nil || !*p.RunAsNonRoot || p.RunAsUser == nil || *p.RunAsUser != 65532:
			t.Errorf("%s: it may run as root, or not as the image's user", name)
		case p.SeccompProfile == nil || p.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
			t.Errorf("%s: no seccomp profile", name)
		case own.AllowPrivilegeEscalation == nil || *own.AllowPrivilegeEscalation:
			t.Errorf("%s: it may gain privileges", name)
		case own.ReadOnlyRootFilesystem == nil || !*own.ReadOnlyRootFilesystem:
			t.Errorf("%s: its file system is not read-only", name)
		case own.Capabilities == nil || !slices.Equal(own.Capabilities.Drop, []corev1.Capability{"ALL"}):
			t.Errorf("%s: it keeps capabilities", name)
		case c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero():
			t.Errorf("%s: no limit of memory, or no request", name)
		case s.AutomountServiceAccountToken == nil || *s.AutomountServiceAccountToken:
			t.Errorf("%s: it gets a token of the cluster", name)
		case s.EnableServiceLinks == nil || *s.EnableServiceLinks: // YANZHEN_API_PORT=tcp://… is no setting of ours
			t.Errorf("%s: the cluster's own variables reach it", name)
		case c.Image != "registry.example.com/yanzhen:1.0":
			t.Errorf("%s: image %s", name, c.Image)
		}
		if pod.Labels["app.kubernetes.io/part-of"] != "yanzhen" {
			t.Errorf("%s: no network policy is its own", name)
		}
	}
}

// A process that works says so, one that stops has the time that it takes, and a
// node that is emptied leaves one of each.
func TestKubernetesKnowsWhatWorks(t *testing.T) {
	c := install(t)
	for _, d := range c.deployments {
		one := d.Spec.Template.Spec.Containers[0]
		for what, probe := range map[string]*corev1.Probe{"/healthz": one.LivenessProbe, "/readyz": one.ReadinessProbe} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != what || port(one, probe.HTTPGet.Port.StrVal) != 9090 {
				t.Errorf("%s is not asked for %s on the port where it answers", d.Name, what)
			}
		}
		// It waits for the engine and the store, 5 min (YANZHEN_START_PATIENCE).
		if p := one.StartupProbe; p == nil || p.PeriodSeconds*p.FailureThreshold < 5*60 {
			t.Errorf("%s: killed while it waits for what it needs", d.Name)
		}
		if grace := d.Spec.Template.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < 25 {
			t.Errorf("%s: killed while it stops", d.Name)
		}
		covered := slices.ContainsFunc(c.budgets, func(b policyv1.PodDisruptionBudget) bool {
			return b.Spec.Selector.MatchLabels["app.kubernetes.io/name"] == d.Spec.Template.Labels["app.kubernetes.io/name"] && b.Spec.MaxUnavailable.IntValue() == 1
		})
		if !covered || d.Spec.Replicas == nil || *d.Spec.Replicas < 2 {
			t.Errorf("%s: all of it may be away at once", d.Name)
		}
	}
	s := c.services[0]
	if api := deployment(t, c, "yanzhen-api"); s.Spec.Selector["app.kubernetes.io/name"] != "yanzhen-api" ||
		port(api.Spec.Template.Spec.Containers[0], s.Spec.Ports[0].TargetPort.StrVal) != 8080 {
		t.Errorf("the service leads elsewhere: %+v", s.Spec)
	}
}

func deployment(t *testing.T, c cluster, name string) appsv1.Deployment {
	t.Helper()
	i := slices.IndexFunc(c.deployments, func(d appsv1.Deployment) bool { return d.Name == name })
	if i < 0 {
		t.Fatalf("no deployment %s", name)
	}
	return c.deployments[i]
}

func port(c corev1.Container, name string) int32 {
	for _, p := range c.Ports {
		if p.Name == name {
			return p.ContainerPort
		}
	}
	return 0
}

// Every variable is a setting, setup gets none of the vendors', and the product
// takes the whole: its own check runs with what the containers would be given.
func TestKubernetesSettingsExist(t *testing.T) {
	c, exists := install(t), settings(t)
	for name, pod := range c.pods() {
		given := map[string]string{}
		for _, from := range pod.Spec.Containers[0].EnvFrom {
			for variable, value := range c.source(t, name, from) {
				given[variable] = value
			}
		}
		for _, e := range pod.Spec.Containers[0].Env {
			given[e.Name] = e.Value
		}
		for variable := range given {
			if !exists[variable] && !strings.HasPrefix(variable, "TEMPORAL_") {
				t.Errorf("%s: %s is no setting", name, variable)
			}
		}
		if given["TEMPORAL_ADDRESS"] == "" || !strings.HasPrefix(given["YANZHEN_STORE"], "postgres://") {
			t.Errorf("%s: engine or store is not said", name)
		}
		_, vendors := given["YANZHEN_TENCENT_SECRET_KEY"]
		if _, listens := given["YANZHEN_OPS_LISTEN"]; vendors != (name != "yanzhen-setup") || listens != vendors {
			t.Errorf("%s: vendors' secrets reach it: %v", name, vendors)
		}
		for setting, file := range map[string]string{"YANZHEN_KEYS": "keys.json", "YANZHEN_CONFIG": "yanzhen.yaml"} {
			if path := given[setting]; path != "" && !c.mounts(pod.Spec, path, file) {
				t.Errorf("%s: %s names %s, which is not mounted", name, setting, path)
			}
		}
	}
}

// source is what a reference to a config map or secret brings.
func (c cluster) source(t *testing.T, pod string, from corev1.EnvFromSource) map[string]string {
	t.Helper()
	switch {
	case from.ConfigMapRef != nil:
		for _, m := range c.configMaps {
			if m.Name == from.ConfigMapRef.Name {
				return m.Data
			}
		}
	case from.SecretRef != nil:
		for _, s := range c.secrets {
			if s.Name == from.SecretRef.Name {
				all := map[string]string{}
				for name, value := range s.Data {
					all[name] = string(value)
				}
				return all
			}
		}
	}
	t.Errorf("%s: takes its environment from something that is not there", pod)
	return nil
}

// mounts reports whether a secret's file is at that path, readable for the
// container's group and nobody else.
func (c cluster) mounts(s corev1.PodSpec, path, file string) bool {
	if s.SecurityContext.FSGroup == nil || *s.SecurityContext.FSGroup != *s.SecurityContext.RunAsGroup {
		return false
	}
	for _, v := range s.Volumes {
		if v.Secret == nil || v.Secret.DefaultMode == nil || *v.Secret.DefaultMode != 0o440 {
			continue
		}
		held := slices.ContainsFunc(c.secrets, func(one corev1.Secret) bool { return one.Name == v.Secret.SecretName && len(one.Data[file]) > 0 })
		for _, m := range s.Containers[0].VolumeMounts {
			if held && m.Name == v.Name && m.ReadOnly && filepath.Join(m.MountPath, file) == path {
				return true
			}
		}
	}
	return false
}

// Nothing reaches the pods, and they reach nothing, but what a policy lists: the
// API from the ingress, metrics from the monitoring; databases, engine and names;
// and the worker alone the world, not the networks inside.
func TestKubernetesNetworkIsClosed(t *testing.T) {
	c := install(t)
	closed := false
	for _, p := range c.policies {
		if len(p.Spec.PodSelector.MatchLabels) == 0 {
			t.Errorf("%s reaches pods of others in the namespace", p.Name)
		}
		_, worker := p.Spec.PodSelector.MatchLabels["app.kubernetes.io/name"]
		closed = closed || len(p.Spec.PolicyTypes) == 2 && p.Spec.Ingress == nil && p.Spec.Egress == nil && !worker
		for _, in := range p.Spec.Ingress {
			if len(in.From) != 1 || in.From[0].NamespaceSelector == nil || len(in.From[0].NamespaceSelector.MatchLabels) == 0 || len(in.Ports) != 1 {
				t.Errorf("%s lets in more than one named namespace to one port", p.Name)
			}
		}
		for _, out := range p.Spec.Egress {
			for _, to := range out.To {
				if p.Spec.PodSelector.MatchLabels["app.kubernetes.io/name"] != "yanzhen-worker" {
					t.Errorf("%s lets others than the worker out", p.Name)
				}
				if to.IPBlock == nil || len(to.IPBlock.Except) == 0 || len(out.Ports) != 1 || out.Ports[0].Port.IntValue() != 443 {
					t.Errorf("%s lets the worker further out than public https", p.Name)
				} else if to.IPBlock.CIDR == "0.0.0.0/0" && !slices.Contains(to.IPBlock.Except, "169.254.0.0/16") {
					t.Errorf("%s lets the worker at the cloud's metadata", p.Name)
				}
			}
		}
	}
	if !closed {
		t.Error("what no policy lists is open")
	}
}
