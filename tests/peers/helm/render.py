"""Renders the chart with each file of `values/`, and judges what comes out; then the manifests of the sidecar."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import helm_python as helm
import kubernetes_validate
import yaml

ROOT = pathlib.Path(sys.argv[1])
CHART = ROOT / "deploy/kubernetes/lychgate"
VALUES = ROOT / "tests/peers/helm/values"
LYCHGATE = os.environ["LYCHGATE"]
# the oldest that the chart is for, one in between, and the newest whose schemas there are
VERSIONS = ["1.25", "1.31", kubernetes_validate.latest_version()]
# `shutdown.delay` and `shutdown.drain`, as they are unless the config says otherwise
STOPPING_SECONDS = 5 + 30

failed = 0


def check(name, wrong):
    """Counts a check; `wrong` lists what does not hold."""
    global failed
    failed += bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} - {name}" + (f"  # {wrong}" if wrong else ""), flush=True)


def documents(text):
    return [document for document in yaml.safe_load_all(text) if document]


def named(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def off_schema(objects):
    """What Kubernetes' own schemas, with unknown fields refused, object to."""
    wrong = []
    for one in objects:
        if one["apiVersion"].startswith("monitoring.coreos.com/"):
            continue  # of the Prometheus operator: see `monitor_off_form`
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except Exception as error:  # each kind of refusal is one
                wrong.append(f"{one['kind']} {one['metadata']['name']}, {version}: {getattr(error, 'message', error)}")
    return wrong


def monitor_off_form(monitor, objects):
    """A ServiceMonitor must find exactly one of the services, by labels, and a port of it by name."""
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    found = [service for service in named(objects, "Service") if wanted <= service["metadata"]["labels"].items()]
    if len(found) != 1:
        return [f"it finds {len(found)} services"]
    ports = {port["name"] for port in found[0]["spec"]["ports"]}
    return [f"there is no port {end['port']}" for end in monitor["spec"]["endpoints"] if end["port"] not in ports]


def selects_nothing(objects):
    """Services, policies and budgets must select the pods that there are, and routes to ports must lead to ports."""
    wrong = []
    for deployment in named(objects, "Deployment"):
        labels = deployment["spec"]["template"]["metadata"]["labels"].items()
        ports = {port["name"] for one in deployment["spec"]["template"]["spec"]["containers"] for port in one.get("ports", [])}
        selectors = [(deployment, deployment["spec"]["selector"]["matchLabels"])]
        selectors += [(one, one["spec"]["selector"]) for one in named(objects, "Service")]
        selectors += [(one, one["spec"]["selector"]["matchLabels"]) for one in named(objects, "PodDisruptionBudget")]
        selectors += [(one, one["spec"]["podSelector"]["matchLabels"]) for one in named(objects, "NetworkPolicy")]
        wrong += [f"{one['kind']} {one['metadata']['name']} selects no pod" for one, selector in selectors if not selector.items() <= labels]
        targets = [(one, port["targetPort"]) for one in named(objects, "Service") for port in one["spec"]["ports"]]
        for one in named(objects, "NetworkPolicy"):
            targets += [(one, port["port"]) for rule in one["spec"]["ingress"] for port in rule["ports"]]
        wrong += [f"{one['metadata']['name']}: no port {target}" for one, target in targets if target not in ports]
        for autoscaler in named(objects, "HorizontalPodAutoscaler"):
            if autoscaler["spec"]["scaleTargetRef"]["name"] != deployment["metadata"]["name"]:
                wrong.append("the autoscaler scales something else")
            if "replicas" in deployment["spec"]:
                wrong.append("the deployment and the autoscaler both say how many pods there are")
    return wrong


def unsafe_pods(objects):
    """What the restricted Pod Security Standard asks for, and more; the gate's container alone where there are several."""
    wrong = []
    for deployment in named(objects, "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        gate = next(one for one in pod["containers"] if one["name"] == "lychgate")
        security, of_pod = gate["securityContext"], pod["securityContext"]
        probes = {name: gate[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")}
        admin = {port["name"]: port["containerPort"] for port in gate["ports"]}["admin"]
        holds = {
            "it runs as root": of_pod.get("runAsNonRoot") is True and {**of_pod, **security}.get("runAsUser") == 65532,
            "its root can be written": security.get("readOnlyRootFilesystem") is True,
            "it can gain privileges": security.get("allowPrivilegeEscalation") is False,
            "it keeps capabilities": security.get("capabilities") == {"drop": ["ALL"]},
            "it has no seccomp profile": of_pod.get("seccompProfile") == {"type": "RuntimeDefault"},
            "it has a token of Kubernetes": pod.get("automountServiceAccountToken") is False,
            "its probes ask the wrong door": all(probe["port"] == "admin" for probe in probes.values())
            and [probes[name]["path"] for name in probes] == ["/readyz", "/livez"] and admin > 0,
            "it is killed while it stops": pod["terminationGracePeriodSeconds"] > STOPPING_SECONDS,
            "a file is mounted alone, and never brought up to date": not any("subPath" in one for one in gate["volumeMounts"]),
            "the config can be written": all(one.get("readOnly") for one in gate["volumeMounts"] if one["name"] != "state"),
        }
        wrong += [what for what, is_so in holds.items() if not is_so]
        volumes, mounted = {one["name"] for one in pod["volumes"]}, {one["name"] for one in gate["volumeMounts"]}
        wrong += [f"volumes and mounts differ: {sorted(volumes ^ mounted)}"] if volumes != mounted else []
    return wrong


def exposes_admin(objects):
    """Only scrapers come to the operator's door: no rule without `from` names it, no Service for callers does."""
    wrong = []
    for policy in named(objects, "NetworkPolicy"):
        for rule in policy["spec"]["ingress"]:
            is_admin = any(port["port"] == "admin" for port in rule["ports"])
            wrong += ["anyone may come to the operator's door"] if is_admin and not rule.get("from") else []
    for service in named(objects, "Service"):
        is_admin = any(port["targetPort"] == "admin" for port in service["spec"]["ports"])
        wrong += ["a Service for callers leads to it"] if is_admin and service["spec"].get("clusterIP") != "None" else []
    return wrong


def lay_out(folder, config_maps, mounts):
    """Lays out what a pod would find: each key a link through `..data`, which the kubelet turns to a new folder at a change."""
    for name, path in mounts.items():
        target = folder / path.lstrip("/")
        (target / "..first").mkdir(parents=True)
        (target / "..data").symlink_to("..first")
        for key, text in next(one for one in config_maps if one["metadata"]["name"] == name)["data"].items():
            (target / "..first" / key).write_text(text)
            (target / key).symlink_to(f"..data/{key}")


def refused_config(folder, config):
    """What `lychgate check` says against a config; folders of the pod are looked for in `folder`."""
    text = config.read_text()
    config.write_text(re.sub(r"(/etc|/var/lib)/lychgate", lambda match: f"{folder}{match[0]}", text))
    for name in ("tls.crt", "tls.key"):
        (folder / "etc/lychgate/tls").mkdir(parents=True, exist_ok=True)
        (folder / "etc/lychgate/tls" / name).write_bytes((CERTIFICATES / name).read_bytes())
    environment = {**os.environ, "API_HOST": "api.example.com"}
    checked = subprocess.run([LYCHGATE, "check", "--config", config], capture_output=True, text=True, env=environment)
    return [] if checked.returncode == 0 else [checked.stdout + checked.stderr]


def check_chart(chart, file):
    values = helm.values_from_yaml(file.read_text())
    name = file.stem
    report = helm.lint(str(CHART), values, strict=True)
    check(f"{name}: Helm finds nothing to say", [one for one in report["messages"] if one["severity"] > 1] + report["errors"])
    rendered = chart.render(values, name="gate", namespace="edge")
    objects = [one for path, text in sorted(rendered.items()) if not path.endswith("NOTES.txt") for one in documents(text)]
    check(f"{name}: each object fits Kubernetes' schemas of {', '.join(VERSIONS)}", off_schema(objects))
    check(f"{name}: what selects, selects, and ports are there", selects_nothing(objects))
    check(f"{name}: the pod may do nothing but serve", unsafe_pods(objects))
    check(f"{name}: the operator's door is for scrapers alone", exposes_admin(objects))
    for monitor in named(objects, "ServiceMonitor"):
        check(f"{name}: the ServiceMonitor finds the operator's door", monitor_off_form(monitor, objects))
    if named(objects, "ConfigMap"):
        with tempfile.TemporaryDirectory() as folder:
            check(f"{name}: the gate takes its config", refused_chart_config(pathlib.Path(folder), objects))
    return objects, rendered


def refused_chart_config(folder, objects):
    pod = named(objects, "Deployment")[0]["spec"]["template"]["spec"]
    maps = named(objects, "ConfigMap")
    sources = {one["name"]: one["configMap"]["name"] for one in pod["volumes"] if "configMap" in one}
    paths = {one["name"]: one["mountPath"] for one in pod["containers"][0]["volumeMounts"]}
    own = {one["metadata"]["name"] for one in maps}
    lay_out(folder, maps, {sources[name]: paths[name] for name in sources if sources[name] in own})
    # of bundles that were there before, the chart knows the name alone
    for name in (name for name in sources if sources[name] not in own):
        (folder / paths[name].lstrip("/")).mkdir(parents=True)
        (folder / paths[name].lstrip("/") / "all.cedar").write_text('@id("all") permit (principal, action, resource);')
    return refused_config(folder, folder / "etc/lychgate/config/lychgate.yaml")


def check_values(chart):
    """Values that are wrong, and the word that the refusal must hold."""
    config = {"upstreams": {"a": {"endpoints": ["a:80"]}}, "routes": [{"name": "a"}]}
    for values, word in [
        ({}, "upstreams"),
        ({"config": {**config, "routes": []}}, "routes"),
        ({"config": config, "replica": 3}, "replica"),
        ({"config": config, "image": {"digest": "latest"}}, "digest"),
        ({"config": config, "ports": [{"name": "admin", "containerPort": 1, "servicePort": 1}]}, "ports"),
        ({"config": config, "existingSecrets": [{"name": "a"}]}, "mountPath"),
        ({"config": config, "terminationGracePeriodSeconds": 39}, "may take 40"),
        ({"config": {**config, "shutdown": {"drain": "1m 30s", "delay": "500ms"}}}, "may take 96"),
        ({"config": {**config, "shutdown": {"delay": "1h"}}, "terminationGracePeriodSeconds": 3634}, "may take 3635"),
        ({"config": config, "policies": {"Orders": {"a.cedar": ""}}}, "Orders"),
        ({"config": config, "policies": {"a": {"a.cedar": ""}}, "existingPolicies": {"a": "b"}}, "existingPolicies"),
    ]:
        try:
            chart.validate_schema(values)
            chart.render(values, name="gate", namespace="edge")
            said = "it was taken"
        except helm.HelmError as error:
            said = str(error)
        check(f"wrong values are refused: {word}", [] if word in said and "taken" not in said else [said])


def check_grace(chart):
    """A pod that is given long enough is given what the values say."""
    config = {"upstreams": {"a": {"endpoints": ["a:80"]}}, "routes": [{"name": "a"}], "shutdown": {"delay": "10s", "drain": "2m"}}
    files = chart.render({"config": config, "terminationGracePeriodSeconds": 135}, name="gate", namespace="edge")
    objects = [one for path, text in files.items() if not path.endswith("NOTES.txt") for one in documents(text)]
    given = named(objects, "Deployment")[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    check("a pod is given what the gate may take to stop", [] if given == 135 else [given])


def check_switches(rendered):
    """What the value sets switch on and off is there, or is not."""
    kinds = {name: sorted(one["kind"] for one in objects) for name, (objects, _) in rendered.items()}
    optional = {"HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor", "ServiceAccount"}
    shown = {name: optional & set(of) for name, of in kinds.items()}
    wanted = {
        "minimal": optional - {"ServiceMonitor"},
        "everything": optional,
        "existing": optional - {"ServiceMonitor", "ServiceAccount"},
        "fixed": set(),
    }
    check("what is switched on is there, and nothing else", [f"{shown}"] if shown != wanted else [])
    fixed = named(rendered["fixed"][0], "Deployment")[0]["spec"]
    check("without autoscaling the number of pods is fixed", [] if fixed.get("replicas") == 5 else [fixed.get("replicas")])
    existing = named(rendered["existing"][0], "Deployment")[0]["spec"]["template"]["spec"]
    config = next(one for one in existing["volumes"] if one["name"] == "config")
    is_own = config["configMap"]["name"] == "our-gate" and not named(rendered["existing"][0], "ConfigMap")
    check("a ConfigMap that is there already is used, and none made", [] if is_own else [config])
    notes = [text for _, of in rendered.values() for path, text in of.items() if path.endswith("NOTES.txt")]
    check("the notes name the gate", [note for note in notes if "lychgate health" not in note])


def check_sidecar(folder):
    objects = documents((ROOT / "deploy/kubernetes/sidecar/lychgate.yaml").read_text())
    check(f"sidecar: each object fits Kubernetes' schemas of {', '.join(VERSIONS)}", off_schema(objects))
    check("sidecar: what selects, selects, and ports are there", selects_nothing(objects))
    pods = [one for one in objects if one["kind"] == "Deployment"]
    gate = {**pods[0]["spec"]["template"]["spec"]}
    mounted = {one["name"] for one in gate["containers"][1]["volumeMounts"]}
    check("sidecar: the pod may do nothing but serve", unsafe_pods(objects) + sorted({one["name"] for one in gate["volumes"]} - mounted))
    check("sidecar: the operator's door is for scrapers alone", exposes_admin(objects))
    sources = gate["volumes"][0]["projected"]["sources"]
    config_map = named(objects, "ConfigMap")[0]
    for item in sources[0]["configMap"]["items"]:
        target = folder / item["path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(config_map["data"][item["key"]])
    for item in sources[1]["configMap"]["items"]:
        (folder / item["path"]).parent.mkdir(parents=True, exist_ok=True)
        (folder / item["path"]).write_bytes((CERTIFICATES / "tls.crt").read_bytes())
    check("sidecar: the gate takes its config", refused_config(folder, folder / "lychgate.yaml"))
    check_metrics_guard(folder)


def check_metrics_guard(folder):
    """Its /metrics is for the scraper's service account alone, by a token for it; the application's own users do not come near."""
    scraper = "system:serviceaccount:monitoring:prometheus"
    for account, issuer, audience, wanted in [
        (scraper, "https://kubernetes.default.svc.cluster.local", "shop-metrics", 0),
        ("system:serviceaccount:shop:shop", "https://kubernetes.default.svc.cluster.local", "shop-metrics", 1),
        (scraper, "https://kubernetes.default.svc.cluster.local", "shop", 1),
        (scraper, "https://idp.example", "shop", 1),
        (None, None, None, 1),
    ]:
        arguments = ["explain", "--config", folder / "lychgate.yaml", "--request", "GET http://shop.shop/metrics"]
        if account:
            claims = {"iss": issuer, "aud": [audience], "sub": account, "exp": 4102444800}
            (folder / "claims.json").write_text(json.dumps(claims))
            arguments += ["--claims", folder / "claims.json"]
        asked = subprocess.run([LYCHGATE, *arguments], capture_output=True, text=True)
        name = f"{account} for {audience} of {issuer}" if account else "nobody"
        check(f"sidecar: /metrics for {name}: {'yes' if wanted == 0 else 'no'}", [] if asked.returncode == wanted else [asked.stdout + asked.stderr])


def certificates(folder):
    names = ["-keyout", folder / "tls.key", "-out", folder / "tls.crt"]
    subject = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=gate.example"]
    subprocess.run(["openssl", "req", "-x509", *subject, *names], check=True, capture_output=True)


with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as sidecar, helm.Chart.load(str(CHART)) as chart:
    CERTIFICATES = pathlib.Path(made)
    certificates(CERTIFICATES)
    rendered = {file.stem: check_chart(chart, file) for file in sorted(VALUES.glob("*.yaml"))}
    check_switches(rendered)
    check_values(chart)
    check_grace(chart)
    built = re.search(r'^version = "(.*)"$', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
    check("the chart installs the version that is built", [] if chart.metadata["appVersion"] == built else [chart.metadata])
    check_sidecar(pathlib.Path(sidecar))
sys.exit(1 if failed else 0)
