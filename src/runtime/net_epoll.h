/* runtime/net_epoll.h -- the kernel's sockets behind net_driver: edge-triggered epoll */
#pragma once
#include "runtime/net_driver.h"

struct net_driver *net_epoll_open(void);
