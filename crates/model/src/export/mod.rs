//! `model.safetensors`: every tensor by name, and what it takes to build the towers again.
//!
//! Tensors: `embedding.<side>.<field>` `[cardinality, dimension]`, `<tower>.<layer>.weight` `[inputs, outputs]`,
//! `<tower>.<layer>.bias` `[outputs]`, the same with `cross.` before the number for cross layers (and `down.weight` of two narrow
//! matrices the first), `history.<feature>.<layer>…` of encoders, `head` `[2]` (factor and bias of the
//! sigmoid layer). The metadata holds one key, so that the same model has the same bytes.

mod about;

use crate::config::ModelSection;
use crate::kernel::Buffer;
use crate::layout::ModelLayout;
use crate::model::{Parameters, TwoTower};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;
use twinspire_core::encode::FeatureEncoder;
use twinspire_core::vfs::{Vfs, write_file};
use twinspire_core::{CoreError, Result};

/// The one key of the metadata.
pub(crate) const METADATA_KEY: &str = "twinspire";

/// Version of the file.
const FORMAT: u32 = 1;

/// What the metadata says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Description {
    format: u32,
    model: ModelSection,
    /// [`FeatureEncoder::fingerprint`].
    features: String,
}

impl Description {
    fn of(model: &TwoTower, encoder: &FeatureEncoder) -> Self {
        Self { format: FORMAT, model: model.section.clone(), features: encoder.fingerprint() }
    }
}

/// A tensor's name, shape, and numbers.
pub(crate) type Tensor<'a> = (String, Vec<usize>, &'a [f32]);

/// All tensors of a model, tables first.
pub(crate) fn tensors<'a>(layout: &ModelLayout, parameters: &'a Parameters) -> Vec<Tensor<'a>> {
    let tables = layout.tables.iter().zip(&parameters.tables);
    let tables = tables.map(|(spec, table)| (spec.name.clone(), vec![spec.cardinality, spec.dimension], &table[..]));
    tables.chain(dense_tensors(layout, &parameters.dense)).collect()
}

/// The tensors of the dense parameters, or of as many other numbers in their order.
pub(crate) fn dense_tensors<'a>(layout: &ModelLayout, dense: &'a [f32]) -> Vec<Tensor<'a>> {
    let mut tensors = Vec::new();
    for (name, tower) in [("user_tower", &layout.user_tower), ("item_tower", &layout.item_tower)] {
        for (number, layer) in tower.cross().layers().iter().enumerate() {
            for (part, shape, offset) in layer.tensors() {
                let numbers = &dense[offset..offset + shape.iter().product::<usize>()];
                tensors.push((format!("{name}.cross.{number}.{part}"), shape, numbers));
            }
        }
        for (number, layer) in tower.layers().iter().enumerate() {
            let shape = vec![layer.inputs, layer.outputs];
            tensors.push((format!("{name}.{number}.weight"), shape, layer.weight(dense)));
            tensors.push((format!("{name}.{number}.bias"), vec![layer.outputs], layer.bias(dense)));
        }
    }
    for history in &layout.user.histories {
        let mut start = history.offset;
        for tensor in history.encoder.tensors() {
            let numbers = &dense[start..start + tensor.len()];
            start += tensor.len();
            tensors.push((format!("{}.{}", history.name, tensor.name), tensor.shape, numbers));
        }
    }
    tensors.push(("head".into(), vec![2], &dense[layout.head..]));
    tensors
}

impl TwoTower {
    /// Writes the model and syncs it.
    ///
    /// # Errors
    /// I/O, with the path.
    pub fn save(&self, vfs: &dyn Vfs, path: &Path, encoder: &FeatureEncoder) -> Result<()> {
        let text = serde_json::to_string(&Description::of(self, encoder)).expect("a description is plain data");
        self.save_described(vfs, path, text)
    }

    /// As [`TwoTower::save`], with a description of [`TwoTower::about`].
    ///
    /// # Errors
    /// I/O, with the path.
    pub fn save_described(&self, vfs: &dyn Vfs, path: &Path, text: String) -> Result<()> {
        let other = |error: safetensors::SafeTensorError| CoreError::io(path, std::io::Error::other(error));
        let mut views = Vec::new();
        for (name, shape, numbers) in tensors(&self.layout, &self.parameters) {
            let view = TensorView::new(Dtype::F32, shape, bytemuck::cast_slice(numbers)).map_err(other)?;
            views.push((name, view));
        }
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), text)]);
        let bytes = safetensors::serialize(views, Some(metadata)).map_err(other)?;
        write_file(vfs, path, &bytes)
    }

    /// Reads [`TwoTower::save`].
    ///
    /// # Errors
    /// `Mismatch` when it was trained with other features; `Damaged` when a tensor is missing, has another shape, or
    /// holds what is not a finite number; I/O.
    pub fn load(path: &Path, encoder: &FeatureEncoder) -> Result<Self> {
        let damaged = |reason: String| CoreError::damaged(path, reason);
        let bytes = std::fs::read(path).map_err(|error| CoreError::io(path, error))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| damaged(error.to_string()))?;
        let text = header.metadata().as_ref().and_then(|metadata| metadata.get(METADATA_KEY));
        let text = text.ok_or_else(|| damaged(format!("its metadata has no key `{METADATA_KEY}`")))?;
        let description: Description = serde_json::from_str(text).map_err(|error| damaged(error.to_string()))?;
        check(&description, encoder)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let layout = ModelLayout::new(&description.model, encoder);
        let parameters = read_parameters(&layout, &file).map_err(damaged)?;
        Ok(Self { section: description.model, layout, parameters })
    }
}

fn check(description: &Description, encoder: &FeatureEncoder) -> Result<()> {
    let pairs = [
        ("format of the model file", FORMAT.to_string(), description.format.to_string()),
        ("fingerprint of the model's features", encoder.fingerprint(), description.features.clone()),
    ];
    for (what, expected, found) in pairs {
        if expected != found {
            return Err(CoreError::Mismatch { what: what.into(), expected, found });
        }
    }
    Ok(())
}

fn read_parameters(layout: &ModelLayout, file: &SafeTensors<'_>) -> Result<Parameters, String> {
    let tables = layout.tables.iter().map(|spec| Buffer::zeros(spec.cardinality * spec.dimension)).collect();
    let empty = Parameters { tables, dense: vec![0.0; layout.dense_len()] };
    let expected = tensors(layout, &empty);
    if file.len() != expected.len() {
        return Err(format!("{} tensors, expected {}", file.len(), expected.len()));
    }
    let mut read = Vec::with_capacity(expected.len());
    for (name, shape, _) in expected {
        let tensor = file.tensor(&name).map_err(|error| error.to_string())?;
        if tensor.shape() != shape || tensor.dtype() != Dtype::F32 {
            return Err(format!(
                "tensor `{name}` is {:?} {:?}, expected F32 {shape:?}",
                tensor.dtype(),
                tensor.shape()
            ));
        }
        let numbers: Vec<f32> = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if !numbers.iter().all(|number| number.is_finite()) {
            return Err(format!("tensor `{name}` holds what is not a finite number"));
        }
        read.push(numbers);
    }
    let dense = read.split_off(layout.tables.len()).concat();
    Ok(Parameters { tables: read.into_iter().map(Buffer::from).collect(), dense })
}
