import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as channel:
        print(health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()))
