# shellcheck shell=bash
# The loopback AWS and registries (examples/loopback) for a script. Sourced from the root of the checkout.

# serve_loopback FOLDER LOG: starts what cargo has built, and reads its environment when it is ready. It serves while
# $loopback_commands is open, and a line there changes how it behaves; $loopback is its process.
serve_loopback() {
    local folder=$1 log=$2 deadline=$((SECONDS + 30))
    mkfifo "$folder.commands"
    "$PWD/target/debug/examples/loopback" "$folder" >"$log" 2>&1 <"$folder.commands" &
    loopback=$!
    # shellcheck disable=SC2034 # the script may write to it
    exec {loopback_commands}>"$folder.commands"
    until [ -s "$folder/env" ]; do
        if [ "$SECONDS" -ge "$deadline" ] || ! kill -0 "$loopback"; then
            echo "not ready: the loopback AWS"
            cat "$log"
            return 1
        fi
        sleep 0.05
    done
    # shellcheck source=/dev/null
    . "$folder/env"
}
