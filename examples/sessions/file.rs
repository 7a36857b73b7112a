//! A file that is there whole, or not at all.

use std::fs::File;
use std::path::Path;

use maniple::bundles::BundleError;

use crate::problem::Problem;

/// Writes a new file through a temporary one beside it.
pub(crate) async fn write_whole<T, F: Future<Output = Result<T, BundleError>>>(
    path: &Path,
    write: impl FnOnce(File) -> F,
) -> Result<T, Problem> {
    if path.exists() {
        return Err(Problem::FileExists { path: path.to_owned() });
    }
    let failed = |source| Problem::Write { path: path.to_owned(), source };
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    let temporary = tempfile::NamedTempFile::new_in(dir).map_err(failed)?;
    let written = write(temporary.reopen().map_err(failed)?).await?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist_noclobber(path).map_err(|error| failed(error.error))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
    Ok(written)
}
