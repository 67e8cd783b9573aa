//! Media types and annotation keys of registries, with the specification that fixes each.

/// OCI image manifest (image-spec).
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index (image-spec).
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's manifest, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// OCI artifact manifest, dropped before image-spec 1.1; old signatures have it.
pub const ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// The empty JSON object as a blob (image-spec 1.1).
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// A Notary Project signature as an artifact (specifications, signature-specification.md).
pub const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
/// What a signature signs (specifications, signature-specification.md).
pub const PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";
/// A JWS JSON envelope.
pub const JWS: &str = "application/jose+json";
/// A COSE_Sign1 envelope.
pub const COSE: &str = "application/cose";
/// Annotation with the fingerprints of a signature's certificates.
pub const THUMBPRINTS: &str = "io.cncf.notary.x509chain.thumbprint#S256";
/// Annotation with the time of making (image-spec).
pub const CREATED: &str = "org.opencontainers.image.created";
/// Annotation with an image's tag in the index of a layout (image-spec, annotations.md).
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Whether a media type is an index of several manifests.
pub fn is_index(media_type: &str) -> bool {
    media_type == INDEX || media_type == DOCKER_LIST
}
