//! Merges two schemas.

use std::collections::{BTreeMap, BTreeSet};

use crate::groups::groups;
use crate::model::{File, Message, Schema, full};
use micro_message::error::{Error, Result};

impl Schema {
    /// Returns a schema with the contents of both.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` when both define the same name differently, or when files would import
    /// each other.
    pub fn merge(mut self, other: Self) -> Result<Self> {
        for file in other.files {
            match self.files.iter_mut().find(|own| own.name == file.name) {
                Some(own) => merge(own, file)?,
                None => self.files.push(file),
            }
        }
        self.sort();
        self.refuse_twice()?;
        self.refuse_circles()?;
        Ok(self)
    }

    fn refuse_twice(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        for file in &self.files {
            let messages = file.messages.iter().map(|one| &one.name);
            let enums = file.enums.iter().map(|one| &one.name);
            let services = file.services.iter().map(|one| &one.name);
            for name in messages.chain(enums).chain(services) {
                let name = full(&file.package, name);
                if seen.contains(&name) {
                    return Err(twice(&name));
                }
                seen.insert(name);
            }
        }
        Ok(())
    }

    fn refuse_circles(&self) -> Result<()> {
        let homes = self.homes();
        let mut imports = BTreeMap::<&str, BTreeSet<&str>>::new();
        for file in &self.files {
            let mut used = Vec::new();
            file.messages
                .iter()
                .for_each(|message| names(message, &mut used));
            for method in file.services.iter().flat_map(|service| &service.methods) {
                used.extend([method.request.as_str(), method.reply.as_str()]);
            }
            let files = used.iter().filter_map(|name| homes.get(*name).copied());
            imports.insert(
                &file.name,
                files.filter(|name| *name != file.name).collect(),
            );
        }
        match groups(&imports).into_iter().find(|group| group.len() > 1) {
            None => Ok(()),
            Some(circle) => Err(Error::invalid_argument(format!(
                "`{}` would import each other",
                circle.join("` and `")
            ))),
        }
    }
}

/// The names of the messages and enums that fields use.
fn names<'a>(message: &'a Message, found: &mut Vec<&'a str>) {
    found.extend(message.fields.iter().filter_map(|field| field.kind.name()));
    message
        .messages
        .iter()
        .for_each(|inner| names(inner, found));
}

fn merge(own: &mut File, other: File) -> Result<()> {
    fn add<T: PartialEq>(
        own: &mut Vec<T>,
        other: Vec<T>,
        package: &str,
        name: fn(&T) -> &str,
    ) -> Result<()> {
        for item in other {
            match own.iter().find(|known| name(known) == name(&item)) {
                Some(known) if *known == item => {}
                Some(_) => return Err(twice(&full(package, name(&item)))),
                None => own.push(item),
            }
        }
        Ok(())
    }
    own.knows_required &= other.knows_required;
    add(&mut own.messages, other.messages, &own.package, |one| {
        &one.name
    })?;
    add(&mut own.enums, other.enums, &own.package, |one| &one.name)?;
    add(&mut own.services, other.services, &own.package, |one| {
        &one.name
    })
}

fn twice(name: &str) -> Error {
    Error::invalid_argument(format!(
        "`{name}` is defined twice with different contents; rename one of them with `name = \"…\"` \
         or `package = \"…\"`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::sample::{field, sample};
    use crate::model::{Kind, Label};

    fn other(package: &str, uses: &str) -> Schema {
        let message = Message {
            name: "Other".to_owned(),
            fields: vec![field(
                1,
                "it",
                Label::Single,
                Kind::Message(uses.to_owned()),
            )],
            ..Message::default()
        };
        let file = File {
            name: format!("{package}.proto"),
            package: package.to_owned(),
            messages: vec![message],
            ..File::default()
        };
        Schema { files: vec![file] }
    }

    #[test]
    fn common_definitions_are_merged() {
        let merged = sample().merge(sample()).unwrap();
        assert_eq!(merged, sample());
        let merged = merged.merge(other("shop", "shop.Item")).unwrap();
        assert_eq!(merged.files().len(), 1);
        assert!(merged.messages().contains_key("shop.Other"));
    }

    #[test]
    fn conflicting_definitions_are_rejected() {
        let mut changed = sample();
        changed.files[0].messages[0].fields.pop();
        let error = sample().merge(changed).unwrap_err();
        assert!(
            error.message().contains("`shop.Item` is defined twice"),
            "{error}"
        );
        let apart = other("far", "shop.Item");
        let mut back = sample();
        back.files[0].messages[0].fields[4].kind = Kind::Message("far.Other".to_owned());
        let error = back.merge(apart).unwrap_err();
        assert!(
            error.message().contains("`far.proto` and `shop.proto`"),
            "{error}"
        );
    }
}
