# What scripts in a guest begin with: each check is a line of the console.
export LC_ALL=C
check() { local name="$1"; shift; if "$@" >/tmp/said 2>&1; then echo "GUEST: ok: $name"; else echo "GUEST: FAILED: $name: $(head -n 2 /tmp/said)"; fi; }
fails() { ! "$@"; }
says() { for i in $(seq 90); do sekisho-agent doctor | grep -q "$1" && return; sleep 1; done; sekisho-agent doctor; return 1; }
# A policy without a manager: everything in lockdown.
enforce_all() {
    mkdir -p /etc/sekisho/standalone
    echo 'standalone: /etc/sekisho/standalone' >>/etc/sekisho/agent.yaml
    echo '{"inside":{"mode":"enforce","scopes":["all"]}}' >/etc/sekisho/standalone/policy.json
}
echo 4 >/proc/sys/kernel/printk # until here the console shows how it boots; from here on what is checked
echo "GUEST: begin"
