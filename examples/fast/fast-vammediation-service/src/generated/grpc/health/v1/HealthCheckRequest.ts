// Original file: health.proto


export interface HealthCheckRequestInput {
  'service'?: (string);
}

export interface HealthCheckRequest {
  'service': (string);
}
