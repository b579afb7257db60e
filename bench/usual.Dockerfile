# What people write for such a service: three stages, the manifests before the
# sources, a cache for downloads, packages pruned after the build.
FROM slipway/node:20-trixie-toolchain AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN --mount=type=cache,target=/root/.npm npm ci

FROM dependencies AS builder
COPY . .
RUN npm run generate --if-present && npm run build && npm prune --omit=dev

FROM slipway/node:20-trixie AS production
WORKDIR /app
ENV NODE_ENV=production
COPY --from=builder /app/package.json ./
COPY --from=builder /app/node_modules node_modules/
COPY --from=builder /app/dist dist/
USER 1001:1001
CMD ["node", "dist/server.js"]
