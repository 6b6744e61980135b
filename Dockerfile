# The server, for those who run it in a container with a PostgreSQL beside it (docker-compose.yml).
# Agents do not belong in containers: they start before Docker does.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY . .
RUN npm ci && npm run generate && npm prune --omit=dev --omit=optional

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    TRUNKLINE_LISTEN=0.0.0.0:7400 \
    TRUNKLINE_DATA_DIR=/var/lib/trunkline
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/packages ./packages
COPY --from=build /app/apps/server ./apps/server
COPY --from=build /app/prisma ./prisma
RUN install -d -o node -g node -m 0750 /var/lib/trunkline
USER node
VOLUME /var/lib/trunkline
EXPOSE 7400
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "apps/server/src/health-check.ts"]
CMD ["node", "apps/server/src/main.ts"]
