/* What happens without us on a simulated host: through its own door for tests. */
#include "host/sim/sim.h"
#include "tests/differential/play.h"

enum { BOOT_MS = 4000, RESTART_MS = 4000 };

static bool sim_pause(struct play *play, const char *xen_name)
{
	return sim_poke(play->host, xen_name, sim_event_pause);
}

/* Until its monitor, if there is one, has brought it back. */
static bool ends(struct play *play, const char *xen_name, enum sim_event event)
{
	const bool done = sim_poke(play->host, xen_name, event);
	sim_advance(play->host, RESTART_MS);
	return done;
}

static bool sim_poweroff(struct play *play, const char *xen_name)
{
	return ends(play, xen_name, sim_event_poweroff);
}

static bool sim_reboot(struct play *play, const char *xen_name)
{
	return ends(play, xen_name, sim_event_reboot);
}

static bool sim_crash(struct play *play, const char *xen_name)
{
	return ends(play, xen_name, sim_event_crash);
}

static bool sim_destroy(struct play *play, const char *xen_name)
{
	return sim_poke(play->host, xen_name, sim_event_destroy);
}

static bool sim_unmonitor(struct play *play, const char *xen_name)
{
	return sim_poke(play->host, xen_name, sim_event_unmonitor);
}

static bool sim_renamed(struct play *play, const char *xen_name, const char *other)
{
	return sim_rename(play->host, xen_name, other);
}

static bool sim_boot(struct play *play, const char *xen_name)
{
	sim_advance(play->host, BOOT_MS);
	play_observe(play);
	return play_domid(play, xen_name) >= 0;
}

static bool sim_halfway(struct play *play, const struct action *action)
{
	struct finished done = {.arena = play->arena};
	sim_fault(play->host, action->verb, sim_when_half);
	play->driver->begin(play->host, action, &play->links);
	while (!play->driver->reap(play->host, INT64_MAX, &done))
		;
	return done.outcome == OUTCOME_TRANSIENT;
}

static void sim_wait(struct play *play, int64_t ms)
{
	sim_advance(play->host, ms);
}

const struct hand hand_sim = {
	.pause = sim_pause,
	.poweroff = sim_poweroff,
	.reboot = sim_reboot,
	.crash = sim_crash,
	.destroy = sim_destroy,
	.rename = sim_renamed,
	.unmonitor = sim_unmonitor,
	.boot = sim_boot,
	.halfway = sim_halfway,
	.wait = sim_wait,
};
