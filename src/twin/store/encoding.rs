//! A store as the files of a Zarr version 3 hierarchy, and back.

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value, json};
use zarrs::array::codec::GzipCodec;
use zarrs::array::{Array, ArrayBuilder, ArrayMetadataOptions, CodecOptions, Element, FillValue, data_type};
use zarrs::storage::store::MemoryStore;
use zarrs::storage::{ListableStorageTraits, ReadableStorageTraits, StoreKey, StorePrefix, WritableStorageTraits};

use super::{Damage, Group, Store, StoreError, TEXT_FOLDER, VERSION_ATTRIBUTE, Values, Variable};

/// Draws are noise in most of their bits: higher levels cost time and save next to nothing.
const GZIP_LEVEL: u32 = 1;

/// A chunk holds one chain, so that chains can be read one by one and compress side by side.
const CHUNKED_DIMENSION: &str = "chain";

/// The metadata file of every Zarr node.
pub(super) const METADATA: &str = "zarr.json";

/// The metadata of a group with that of everything below it: readers then open one file instead of searching folders.
pub(super) fn group_metadata(
    attributes: &Map<String, Value>,
    prefix: &str,
    nested: &[(String, Vec<u8>)],
) -> Result<Vec<u8>, StoreError> {
    let mut consolidated = Map::new();
    for (path, bytes) in nested {
        let Some(node) = path.strip_prefix(prefix).and_then(|path| path.strip_suffix("/zarr.json")) else { continue };
        let mut metadata: Map<String, Value> = serde_json::from_slice(bytes).map_err(internal)?;
        metadata.shift_remove("consolidated_metadata");
        consolidated.insert(node.to_string(), Value::Object(metadata));
    }
    let metadata = json!({
        "zarr_format": 3,
        "node_type": "group",
        "attributes": attributes,
        "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": consolidated },
    });
    serde_json::to_vec_pretty(&metadata).map_err(internal)
}

/// Paths and contents of the files of a variable, its metadata first.
pub(super) fn encode_variable(group: &str, variable: &Variable) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    match &variable.values {
        Values::F64(values) => encode_array(group, variable, values, data_type::float64(), f64::NAN.into()),
        Values::I64(values) => encode_array(group, variable, values, data_type::int64(), 0_i64.into()),
        Values::Bool(values) => encode_array(group, variable, values, data_type::bool(), false.into()),
    }
}

fn encode_array<T: Element + Copy + Send + Sync>(
    group: &str,
    variable: &Variable,
    values: &[T],
    data_type: zarrs::array::DataType,
    fill: FillValue,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let memory = Arc::new(MemoryStore::new());
    let shape: Vec<u64> = variable.shape.iter().map(|n| *n as u64).collect();
    // A chunk may not be empty, even in an array that is.
    let mut chunk: Vec<u64> = shape.iter().map(|n| (*n).max(1)).collect();
    let by_chain = shape.len() > 1 && variable.dimensions.first().is_some_and(|name| name == CHUNKED_DIMENSION);
    if by_chain {
        chunk[0] = 1;
    }
    let path = format!("{group}/{}", variable.name);
    let array = ArrayBuilder::new(shape, chunk, data_type, fill)
        .bytes_to_bytes_codecs(vec![Arc::new(GzipCodec::new(GZIP_LEVEL).map_err(internal)?)])
        .dimension_names(Some(variable.dimensions.iter().cloned()))
        .attributes(variable.attributes.clone())
        .build(memory.clone(), &format!("/{path}"))
        .map_err(internal)?;
    array.store_metadata_opt(&ArrayMetadataOptions::default().with_include_zarrs_metadata(false)).map_err(internal)?;
    // Every chunk is written, also one of fill values only: a missing file is then always damage.
    let options = CodecOptions::default().with_store_empty_chunks(true);
    if !values.is_empty() {
        let size = if by_chain { values.len() / variable.shape[0] } else { values.len() };
        values.par_chunks(size).enumerate().try_for_each(|(chain, values)| {
            let mut index = vec![0; variable.shape.len()];
            if by_chain {
                index[0] = chain as u64;
            }
            array.store_chunk_opt(&index, values, &options).map_err(internal)
        })?;
    }
    let prefix = StorePrefix::new(format!("{path}/")).map_err(internal)?;
    let mut keys = memory.list_prefix(&prefix).map_err(internal)?;
    // The metadata opens the node in the manifest, which keeps the order of the variables.
    keys.sort_by_key(|key| (!key.as_str().ends_with(METADATA), key.as_str().to_string()));
    let content = |key: &StoreKey| match memory.get(key).map_err(internal)? {
        Some(bytes) => Ok((key.as_str().to_string(), bytes.to_vec())),
        None => Err(StoreError::Invalid(format!("`{key}` was not encoded"))),
    };
    keys.iter().map(content).collect()
}

/// The store in files whose contents are as they were written, in their order.
pub(super) fn decode(path: &Path, files: Vec<(String, Vec<u8>)>) -> Result<Store, StoreError> {
    let mut store = Store::default();
    let memory = Arc::new(MemoryStore::new());
    // (group index, name) of each array, in order.
    let mut arrays = Vec::new();
    for (file, bytes) in files {
        let unlike = |expected: &str, found: String| StoreError::Damaged {
            path: path.to_path_buf(),
            files: vec![Damage { file: file.clone(), expected: expected.to_string(), found }],
        };
        if file.split('/').next() == Some(TEXT_FOLDER) {
            let text = String::from_utf8(bytes).map_err(|error| unlike("UTF-8 text", error.to_string()))?;
            store.texts.push((file, text));
            continue;
        }
        if file == METADATA || file.ends_with("/zarr.json") {
            let attributes = || group_attributes(&bytes).map_err(|found| unlike("the metadata of a Zarr group", found));
            match file.split('/').collect::<Vec<_>>()[..] {
                [_] => {
                    store.attributes = attributes()?;
                    store.attributes.shift_remove(VERSION_ATTRIBUTE);
                }
                [group, _] => {
                    store.groups.push(Group { name: group.into(), attributes: attributes()?, variables: vec![] })
                }
                [group, variable, _] if store.groups.last().is_some_and(|known| known.name == group) => {
                    arrays.push((store.groups.len() - 1, variable.to_string()));
                }
                _ => return Err(unlike("a group of arrays", "an array elsewhere".to_string())),
            }
        }
        let key = StoreKey::new(file.clone()).map_err(|error| unlike("a Zarr key", error.to_string()))?;
        memory.set(&key, bytes.into()).map_err(internal)?;
    }
    let decode = |(group, name): &(usize, String)| {
        let node = format!("{}/{name}", store.groups[*group].name);
        decode_variable(&memory, &node, name).map_err(|found| StoreError::Damaged {
            path: path.to_path_buf(),
            files: vec![Damage {
                file: format!("{node}/{METADATA}"),
                expected: "an array of float64, int64 or bool".to_string(),
                found,
            }],
        })
    };
    let variables: Vec<Variable> = arrays.par_iter().map(decode).collect::<Result<_, _>>()?;
    for ((group, _), variable) in arrays.into_iter().zip(variables) {
        store.groups[group].variables.push(variable);
    }
    Ok(store)
}

fn group_attributes(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let mut metadata: Map<String, Value> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match metadata.shift_remove("attributes") {
        Some(Value::Object(attributes)) => Ok(attributes),
        None => Ok(Map::new()),
        Some(other) => Err(format!("attributes `{other}`")),
    }
}

fn decode_variable(memory: &Arc<MemoryStore>, node: &str, name: &str) -> Result<Variable, String> {
    let array = Array::open(memory.clone(), &format!("/{node}")).map_err(|error| error.to_string())?;
    let all = array.subset_all();
    let values = if *array.data_type() == data_type::float64() {
        array.retrieve_array_subset(&all).map(Values::F64)
    } else if *array.data_type() == data_type::int64() {
        array.retrieve_array_subset(&all).map(Values::I64)
    } else if *array.data_type() == data_type::bool() {
        array.retrieve_array_subset(&all).map(Values::Bool)
    } else {
        return Err(format!("an array of {:?}", array.data_type()));
    }
    .map_err(|error| error.to_string())?;
    let dimensions: Option<Vec<String>> = match array.dimension_names() {
        Some(names) => names.iter().cloned().collect(),
        None if array.shape().is_empty() => Some(Vec::new()),
        None => None,
    };
    Ok(Variable {
        name: name.to_string(),
        dimensions: dimensions.ok_or("dimensions without names")?,
        shape: array.shape().iter().map(|n| *n as usize).collect(),
        values,
        attributes: array.attributes().clone(),
    })
}

/// Failures of encoding into memory are ours, not the user's.
fn internal(error: impl std::fmt::Display) -> StoreError {
    StoreError::Invalid(error.to_string())
}
