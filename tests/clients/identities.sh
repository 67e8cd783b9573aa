# shellcheck shell=bash
# Whose credentials a configuration means: the AWS CLI's answer beside ours, for every block of identities.txt.
# Sourced by clients.sh.

# From PyPI, as it is the AWS CLI that can be had there; its reading of the AWS files is that of version 2.
aws_cli_version=1.46.3

# A folder of its own: it is nobody's client here, and stays off PATH.
install_aws_cli() {
    python3 -m venv "$scratch/aws-cli" || {
        echo "python3 cannot make a virtual environment: install python3-venv"
        return 1
    }
    "$scratch/aws-cli/bin/pip" install --quiet --disable-pip-version-check "awscli==$aws_cli_version"
}

identities_cases() {
    rows_of ' configurations: ' "$root/tests/clients/identities.py" "$root/tests/clients/identities.txt" \
        "$scratch/loopback/calls" "$scratch/aws-cli/bin/aws" "$scratch/bin/docker-credential-ecr-rs"
}
