// safetensors: eight bytes of header length, a JSON header, the tensors' bytes, little-endian.

const ARRAYS = { F32: Float32Array, F16: Uint16Array, I8: Int8Array, U16: Uint16Array, U32: Uint32Array };

/** Returns `{tensors: {name: {dtype, shape, data}}, metadata}`; F16 data are the halves' bits. */
export function readSafetensors(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const tensors = {};
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [first, last],
    },
  ] of Object.entries(entries)) {
    const raw = new Uint8Array(bytes.subarray(start + first, start + last)); // a copy is aligned, a view may not be
    tensors[name] = {
      dtype,
      shape,
      data: new ARRAYS[dtype](raw.buffer, 0, raw.length / ARRAYS[dtype].BYTES_PER_ELEMENT),
    };
  }
  return { tensors, metadata };
}

/** Returns the file's bytes; tensors in the order given. */
export function writeSafetensors(tensors, metadata) {
  const header = { __metadata__: metadata };
  let offset = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, (offset += data.byteLength)] };
  }
  const json = JSON.stringify(header);
  const text = Buffer.from(json.padEnd(Math.ceil(Buffer.byteLength(json) / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, ...Object.values(tensors).map(({ data }) => bytesOf(data))]);
}

/** A typed array's own bytes. */
export function bytesOf(data) {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
