# shellcheck shell=bash
# What the scripts about containers share; sourced, from the top of the repository.
# shellcheck disable=SC2034 # by those that source it

image=localhost/epr-mcp:test
debian=docker.io/library/debian:bookworm-slim
rust=docker.io/library/rust:1.95-slim-bookworm

# Why containers cannot be run here; nothing when they can.
why_no_containers() {
    local tool missing=()
    [ "$(uname -s)" = Linux ] || { echo "they need Linux"; return; }
    for tool in podman buildah debootstrap; do
        command -v "$tool" >/dev/null || missing+=("$tool")
    done
    if [ "${#missing[@]}" != 0 ]; then
        echo "${missing[*]} is not installed (make test-deps)"
    elif [ "$(id -u)" != 0 ]; then
        echo "only root may build and run them here"
    elif ! unshare --mount --pid --fork true 2>/dev/null; then
        echo "this root may not make namespaces: it is in a container itself"
    fi
}

# Podman's settings for machines on which the usual ones fail, in a file of this repository's own:
# where limits cannot be raised (no CAP_SYS_RESOURCE), and where crun refuses a mix of both kinds of
# control groups. Settings of the machine's owner stand.
containers_conf() {
    if [ -n "${CONTAINERS_CONF:-}" ] || [ -e /etc/containers/containers.conf ]; then return; fi
    local conf=$PWD/.cache/containers.conf
    mkdir -p .cache
    {
        printf '[containers]\nnetns = "host"\n'
        if limits_are_fixed; then printf 'default_ulimits = ["nofile=1024:1024", "nproc=5000:5000"]\n'; fi
        printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
        if command -v runc >/dev/null; then printf 'runtime = "runc"\n'; fi
    } > "$conf.new"
    mv "$conf.new" "$conf"
    export CONTAINERS_CONF=$conf
}

# Whether this process may not raise its limits: capability 24, CAP_SYS_RESOURCE.
limits_are_fixed() {
    local caps
    caps=$(awk '/^CapEff:/ { print $2 }' /proc/self/status)
    (( (0x$caps >> 24 & 1) == 0 ))
}
