//! Objects in a folder.

use store::blob::{BlobError, BlobStore};

#[tokio::test]
async fn an_object_lives_and_goes() {
    let folder = testkit::tempdir();
    let blobs = BlobStore::open(folder.path()).await.unwrap();
    let id = blobs.put_bytes("công văn".as_bytes()).await.unwrap();
    let other = blobs.put_bytes(b"").await.unwrap();
    assert_eq!(blobs.get(id).await.unwrap(), "công văn".as_bytes());
    assert_eq!((blobs.size(id).await.unwrap(), blobs.size(other).await.unwrap()), (10, 0));
    assert_eq!(id.to_string().parse::<store::blob::BlobId>().unwrap(), id);
    let mut ids = blobs.ids().await.unwrap();
    ids.sort();
    assert_eq!(ids, [id, other]);
    assert!(blobs.delete(id).await.unwrap());
    assert!(!blobs.delete(id).await.unwrap());
    assert!(matches!(blobs.get(id).await, Err(BlobError::Missing(missing)) if missing == id));
}

#[tokio::test]
async fn a_stream_that_is_too_long_or_breaks_leaves_nothing() {
    let folder = testkit::tempdir();
    let blobs = BlobStore::open(folder.path()).await.unwrap();
    let (_, size) = blobs.put(&mut [7_u8; 100].as_slice(), 100).await.unwrap();
    assert_eq!(size, 100);
    let refused = blobs.put(&mut [7_u8; 101].as_slice(), 100).await;
    assert!(matches!(refused, Err(BlobError::TooLarge { limit: 100 })));
    let mut broken = broken_stream();
    assert!(matches!(blobs.put(&mut broken, 1000).await, Err(BlobError::Io(_))));
    assert_eq!(blobs.ids().await.unwrap().len(), 1);
    assert_eq!(std::fs::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
}

/// Gives some bytes, then an error.
fn broken_stream() -> impl tokio::io::AsyncRead + Unpin {
    struct Broken(bool);
    impl tokio::io::AsyncRead for Broken {
        fn poll_read(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            buffer: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            if std::mem::replace(&mut self.0, true) {
                return std::task::Poll::Ready(Err(std::io::Error::other("broken")));
            }
            buffer.put_slice(b"some");
            std::task::Poll::Ready(Ok(()))
        }
    }
    Broken(false)
}
