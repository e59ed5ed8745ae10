module github.com/yanzhen-id/yanzhen/tools/prometheus

go 1.26

require github.com/prometheus/prometheus v0.309.1
