use crate::action::Entry;
use crate::error::{BundleError, Damage};
use crate::format::ChainHead;
use crate::log::{Extent, Scan, Verified};
use crate::session::Header;
use crate::store::{Place, read_header};

/// A session's files while nothing is being written to them.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(super) place: &'a Place,
    pub(super) header: &'a Header,
    pub(super) written: Extent,
}

impl View<'_> {
    /// Reads every action, and compares what was read with what was written.
    pub(crate) fn read(&self, visit: impl FnMut(Entry)) -> Result<Verified, BundleError> {
        let path = self.place.log();
        let scan = Scan::open(self.place.disk(), &path, ChainHead::of_log(self.header.id))?;
        let (read, written) = (Verified::from(scan.read_all(visit)?), Verified::from(self.written));
        if read == written {
            return Ok(read);
        }
        // Every line that was read is valid, so the file was cut, or something else added to it.
        let (found, common) = if read.bytes < written.bytes {
            (Damage::Missing, read)
        } else {
            (Damage::Foreign, written)
        };
        Err(BundleError::Damaged { path, line: common.actions + 1, offset: common.bytes, found })
    }

    /// Reads both files anew.
    pub(crate) fn verify(&self) -> Result<Verified, BundleError> {
        if read_header(self.place)? != *self.header {
            let (path, found) = (self.place.header(), Damage::Foreign);
            return Err(BundleError::Damaged { path, line: 1, offset: 0, found });
        }
        self.read(drop)
    }
}
