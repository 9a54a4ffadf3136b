"""From files of images to centres, however many: over threads or machines, journalled, resumable.

The flow: `job` says what is to be done, with the `origins` that the file states already, `estimate` does it: `batches`
cuts the particles into pieces and knows what is done with one; `stream` sends the pieces over threads, `cluster` over
the workers of a Dask scheduler, for which `safety` vouches; `journal` keeps what came back; `folder` lets the results
appear when they are complete.  `contrast` finds out whether the particles are bright.
"""
