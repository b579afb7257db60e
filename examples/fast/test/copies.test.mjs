// Each service stands alone, so some files exist in several of them. This proves that they are equal.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ports, read, root, services, shortName } from './fleet.mjs';

const grpcServices = services.filter((service) => service !== 'fast-orchestrator-service');

const shared = [
  { file: 'tsconfig.json', in: services },
  { file: 'proto/message.proto', in: services },
  { file: 'proto/health.proto', in: grpcServices },
  { file: 'src/proto.ts', in: services },
  { file: 'src/message.ts', in: services },
  { file: 'src/health.ts', in: grpcServices },
  { file: 'src/grpc-server.ts', in: grpcServices },
  { file: 'src/peer.ts', in: services.filter((service) => existsSync(join(root, service, 'src/peer.ts'))) },
];

for (const { file, in: [first, ...others] } of shared) {
  test(`${file} is the same everywhere`, () => {
    for (const other of others) {
      assert.equal(read(other, file), read(first, file), `cp ${first}/${file} ${other}/${file}`);
    }
  });
}

test('protos of peers are those of the peers', () => {
  for (const service of services) {
    for (const file of readdirSync(join(root, service, 'proto'))) {
      const owner = `fast-${file.replace('.proto', '')}-service`;
      if (services.includes(owner)) {
        assert.equal(read(service, 'proto', file), read(owner, 'proto', file), `cp ${owner}/proto/${file} ${service}/proto/`);
      }
    }
  }
});

test('manifests and lock files differ in name and description only', () => {
  const withoutName = (service, file) => {
    const manifest = JSON.parse(read(service, file));
    assert.equal(manifest.name, service);
    delete manifest.name;
    delete manifest.description;
    delete manifest.packages?.[''].name;
    return manifest;
  };
  for (const file of ['package.json', 'package-lock.json']) {
    for (const service of services) {
      assert.deepEqual(withoutName(service, file), withoutName(services[0], file), `${service}/${file}`);
    }
  }
});

test('lock files name no registry', () => {
  for (const service of services) {
    assert.doesNotMatch(read(service, 'package-lock.json'), /"resolved"|registry/, service);
  }
});

test('slipway.yaml and the code agree on services, ports and health', () => {
  const fleet = read('slipway.yaml');
  for (const [service, port] of Object.entries(ports)) {
    const [entry] = fleet.match(new RegExp(`^  ${service}:\n(    .*\n)+`, 'm')) ?? [''];
    assert.match(entry, new RegExp(`^    port: ${port}$`, 'm'), service);
    if (grpcServices.includes(service)) {
      const name = shortName(service);
      assert.match(entry, new RegExp(`^    health: {grpc: gpp.g3.${name}.MessageHandler}$`, 'm'), service);
      assert.match(read(service, 'src/server.ts'), new RegExp(`name: '${name}', port: ${port},`), service);
    }
  }
});
